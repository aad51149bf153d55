// Elements from values. Text is only ever set as text: there is no way here to write HTML.

const SVG = "http://www.w3.org/2000/svg";

function filled(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes ?? {})) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (name === "style" || name === "innerHTML" || name === "srcdoc") throw new Error(`no ${name} here`);
    else if (name === "href" && !/^(#|https?:|\.{0,2}\/)/.test(value)) throw new Error("not a link");
    else if (name === "value") element.value = value;
    else element.setAttribute(name, value === true ? "" : String(value));
  }
  element.append(...children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false)
    .map((child) => (child instanceof Node ? child : String(child))));
  return element;
}

// h("p.note.small", {id: "x"}, "text", other) - an element with its classes, attributes, listeners and children
export function h(what, attributes, ...children) {
  const [tag, ...classes] = what.split(".");
  const element = document.createElement(tag);
  if (classes.length) element.className = classes.join(" ");
  return filled(element, attributes, children);
}

export function svg(what, attributes, ...children) {
  const [tag, ...classes] = what.split(".");
  const element = document.createElementNS(SVG, tag);
  if (classes.length) element.setAttribute("class", classes.join(" "));
  return filled(element, attributes, children);
}

// Replaces what an element holds.
export function show(element, ...children) {
  element.replaceChildren();
  return filled(element, null, children);
}

let last = 0;
export const newId = (prefix = "id") => `${prefix}-${++last}`;

// A word that is also a colour and a shape: never colour alone.
export const badge = (kind, ...text) => h(`span.badge.${kind}`, null, ...text);
export const code = (...text) => h("code", null, ...text);
export const link = (href, ...text) => h("a", { href }, ...text);
