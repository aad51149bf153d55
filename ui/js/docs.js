// /docs: the API's own document, made readable. Nothing is loaded but /openapi.json beside this page.

import { Schemas } from "./docs_schema.js";
import { badge, code, h, link, show } from "./dom.js";

const BASE = new URL("./", document.baseURI).href.replace(/\/$/, "");
const main = document.getElementById("docs");

const quoted = (text) => `'${String(text).replace(/'/g, "'\\''")}'`;

// A word in backticks is code.
const prose = (text) => text.split("`").map((part, n) => (n % 2 ? code(part) : part));

function curl(operation, schemas) {
  const filled = operation.path.replace(/\{(\w+)\}/g, (_, name) => {
    const parameter = operation.parameters.find((each) => each.in === "path" && each.name === name);
    return encodeURIComponent(schemas.example(parameter.schema));
  });
  const needed = operation.parameters.filter((each) => each.in === "query" && each.required);
  const query = needed.map((each) => `${each.name}=${encodeURIComponent(schemas.example(each.schema))}`).join("&");
  const words = [operation.security?.length === 0 ? "curl -s" : 'curl -sH "$T"'];
  if (operation.method !== "get") words.push(`-X ${operation.method.toUpperCase()}`);
  const body = Object.entries(operation.requestBody?.content ?? {})[0];
  if (body) {
    words.push(`-H ${quoted(`Content-Type: ${body[0]}`)}`, `-d ${quoted(JSON.stringify(schemas.example(body[1].schema)))}`);
  }
  return [...words, quoted(BASE + filled + (query && `?${query}`))].join(" ");
}

const row = (name, kind, what) => h("tr", null, h("td", null, name), h("td.muted", null, kind), h("td", null, what));
const table = (rows) => h("div.scroll", null, h("table.fields", null, h("tbody", null, rows)));

function members(schema, schemas) {
  const rows = schemas.members(schema).map(([name, each, isNeeded]) => row(
    [code(name), isNeeded ? " *" : ""], schemas.words(each), prose(schemas.resolved(each).schema.description ?? ""),
  ));
  return rows.length ? table(rows) : null;
}

function parameters(operation, schemas) {
  if (!operation.parameters.length) return null;
  const where = { path: "", query: "?", header: "header " };
  return [h("h3", null, "Parameters"), table(operation.parameters.map((each) => row(
    [code(where[each.in] + each.name), each.required ? " *" : ""], schemas.words(each.schema), prose(each.description ?? ""),
  )))];
}

function answers(operation, schemas) {
  return Object.entries(operation.responses).filter(([status]) => status < 400).map(([status, answer]) => {
    const kinds = Object.keys(answer.content ?? {});
    const schema = answer.content?.["application/json"]?.schema;
    const heading = h("h3", null, `${status} `, h("span.muted.small", null, answer.description, " ", kinds.join(", ")));
    return [heading, schema ? [h("p.small", null, schemas.words(schema)), members(schema, schemas)] : null];
  });
}

function refusals(operation) {
  const codes = Object.entries(operation.responses).filter(([status, { content }]) => status >= 400 && content).flatMap(([status, answer]) => {
    const schema = answer.content["application/problem+json"].schema;
    return schema.allOf[1].properties.code.enum.map((each) => [status, each]);
  });
  const shown = codes.map(([status, each]) => [link(`./problems/${each}`, `${status} ${each}`), " "]);
  return [h("h3", null, "Refusals"), h("p.small", null, shown)];
}

function filled(operation, schemas) {
  const bodies = Object.entries(operation.requestBody?.content ?? {});
  return h("div.body", null,
    operation.description ? h("p", null, prose(operation.description)) : null,
    h("pre", null, curl(operation, schemas)),
    parameters(operation, schemas),
    bodies.length ? [
      h("h3", null, "Body ", h("span.muted.small", null, bodies.map(([media]) => media).join(", "))),
      h("p.small", null, schemas.words(bodies[0][1].schema)), members(bodies[0][1].schema, schemas),
    ] : null,
    answers(operation, schemas), refusals(operation));
}

// Filled when it is opened: all of them at once would be ten thousand elements.
function shownOperation(operation, schemas) {
  const roles = operation["x-role"];
  const head = h("summary", null,
    h(`span.method.${operation.method}`, null, operation.method.toUpperCase()), code(operation.path),
    h("span.muted", null, prose(operation.summary)), badge("role", roles === "none" ? "no token" : roles));
  const element = h("details.operation", { id: operation.operationId }, head);
  element.addEventListener("toggle", () => {
    if (element.open && element.children.length === 1) element.append(filled(operation, schemas));
  });
  return element;
}

function page(api) {
  const schemas = new Schemas(api);
  const operations = Object.entries(api.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({ path, method, ...operation })));
  const listed = h("div", null);
  const field = h("input", { type: "search", placeholder: "Find: ports, trace, DELETE, admin ...", "aria-label": "Find" });
  const count = h("span.muted.small", { "aria-live": "polite" });

  const list = () => {
    const words = field.value.toLowerCase().split(/\s+/).filter(Boolean);
    const found = operations.filter((each) => {
      const text = `${each.method} ${each.path} ${each.summary} ${each.tags} ${each["x-role"]}`.toLowerCase();
      return words.every((word) => text.includes(word));
    });
    const tags = [...new Set(found.map((each) => each.tags[0]))];
    show(listed, tags.map((tag) => h("section", null, h("h2.group", null, tag),
      found.filter((each) => each.tags[0] === tag).map((each) => shownOperation(each, schemas)))));
    count.textContent = `${found.length} of ${operations.length}`;
  };
  field.addEventListener("input", list);
  main.className = "docs";
  show(main, h("h1", null, `ovswarden ${api.info.version}`), h("p.about", null, prose(api.info.description)),
    h("p.muted.small", null, code("$T"), " is the header ", code("Authorization: Bearer ow_..."), "; * is needed."),
    h("div.find", null, field, count), listed);
  list();
  const wanted = document.getElementById(location.hash.slice(1));
  if (wanted?.matches("details")) {
    wanted.open = true;
    wanted.scrollIntoView();
  }
}

try {
  const answer = await fetch(`${BASE}/openapi.json`, { cache: "no-cache" });
  if (!answer.ok) throw new Error(`status ${answer.status}`);
  page(await answer.json());
} catch (error) {
  show(main, h("p.problem", { role: "alert" }, `openapi.json cannot be read: ${error.message}`));
}
