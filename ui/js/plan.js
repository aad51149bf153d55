// What would a change do? The controller computes it and changes nothing; who may apply it does so by curl.

import { curl, post, query } from "./api.js";
import { h, show, newId } from "./dom.js";
import { planned } from "./planned.js";
import { panel, problem } from "./panel.js";

const JSON_TYPE = "application/json";
const YAML_TYPE = "application/yaml";
const LARGEST = 16 << 20;
const EXAMPLE = `version: 1
tenants:
  acme:
    groups:
      web:
        rules:
          https: {in: tcp/443}`;
let kept = ""; // while the page is open, so that a look elsewhere loses nothing

export function planPage(signal) {
  const text = h("textarea", { id: newId("document"), rows: "14", spellcheck: "false", autocapitalize: "off", placeholder: EXAMPLE, oninput: () => { kept = text.value; box.tell(); } });
  text.value = kept;
  const file = h("input", { id: newId("file"), type: "file", accept: ".yaml,.yml,.json,application/json", onchange: chosen });
  const prune = h("select", { id: newId("prune"), onchange: () => box.tell() },
    ["none", "owned", "all"].map((each) => h("option", { value: each }, { none: "nothing", owned: "what its owner made and it no longer names", all: "all that it does not name" }[each])));
  const button = h("button.primary", { type: "submit" }, "Plan");
  const result = h("div.planned", { "aria-live": "polite" });
  const form = h("form.plan", { onsubmit: submit },
    h("p", null, "Paste a configuration, or choose a file. Nothing is changed: you see what would be, and who could newly reach whom."),
    h("label", { for: text.id }, "Configuration (YAML or JSON)"), text,
    h("div.row", null,
      h("label", { for: file.id }, "or a file ", file),
      h("label", { for: prune.id }, "delete ", prune),
      h("span.space"), button));
  const box = panel({ title: "Plan a change", name: "plan-form", level: "h1", signal,
    curl: () => [curl("/v1/config"), curl(where(), { method: "POST", type: type(), data: "@config.yaml" })] });
  show(box.body, form);
  box.body.removeAttribute("aria-busy");

  const where = () => `/v1/config:plan${query({ prune: prune.value === "none" ? "" : prune.value })}`;
  const type = () => (/^\s*[{[]/.test(text.value) ? JSON_TYPE : YAML_TYPE);

  async function chosen() {
    const [one] = file.files;
    if (!one) return;
    if (one.size > LARGEST) return void show(result, problem({ message: "A configuration has at most 16 MiB." }));
    text.value = kept = await one.text();
    box.tell();
  }

  async function submit(event) {
    event.preventDefault();
    if (!text.value.trim()) return void text.focus();
    button.disabled = true;
    result.setAttribute("aria-busy", "true");
    show(result, h("section.card", null, h("p.empty", null, "The controller computes the plan …")));
    try {
      const plan = await post(where(), text.value, type(), signal);
      show(result, planned(plan));
      result.querySelector("h2")?.scrollIntoView({ block: "nearest" });
    } catch (refusal) {
      if (!signal.aborted) show(result, h("section.card", null, problem(refusal)));
    }
    result.removeAttribute("aria-busy");
    button.disabled = false;
    return undefined;
  }

  return [box.element, result];
}
