// A plan's answer: what changes, what it costs, and first of all who can newly reach whom.

import { curl, query } from "./api.js";
import { badge, h } from "./dom.js";
import { clock, number, plural } from "./format.js";
import { empty } from "./panel.js";

const OPS = { add: ["good", "+ add"], change: ["warn", "~ change"], delete: ["bad", "− delete"] };
const SHOWN = 200;

export function planned(plan) {
  const { changes, reachability, flows, assertions } = plan;
  if (!changes.length) return card("The plan", empty("Nothing would change: the controller holds exactly this."));
  return [
    card("The plan", summary(plan), plan.plan_id && apply(plan)),
    card("Who can newly reach whom", reach(reachability, plan.reachability_complete)),
    assertions.passed + assertions.failed + assertions.moot > 0 && card("Assertions", asserted(assertions)),
    card("Flows per switch", costs(flows)),
    card("Changes", h("ul.changes", null, changes.slice(0, SHOWN).map(change)),
      (changes.length > SHOWN || !plan.changes_complete) && h("p.small.muted", null, "and more")),
  ];
}

const card = (title, ...inside) => h("section.card", { "aria-label": title }, h("header", null, h("h2", null, title)), h("div.body", null, inside));

function summary({ changes, base_revision: revision, expires_at: until }) {
  const counts = Object.keys(OPS).map((op) => [op, changes.filter((each) => each.op === op).length]);
  return h("p", null, counts.map(([op, count]) => [badge(count ? OPS[op][0] : "plain", `${OPS[op][1]} ${number(count)}`), " "]),
    revision !== undefined && h("span.muted", null, `on revision ${revision}`), until && h("span.muted", null, `, valid until ${clock(until)}`));
}

function apply({ plan_id: plan, needs_confirm_deletes: deletes }) {
  const where = `/v1/config:apply${query({ confirm_deletes: deletes })}`;
  const line = curl(where, { method: "POST", type: "application/json", data: JSON.stringify({ plan_id: plan }) });
  return [
    deletes > 0 && h("p.notice", null, `It deletes ${plural(deletes, "thing")}, so whoever applies it has to say so.`),
    h("p", null, "This session only reads. To apply exactly this plan:"), h("pre", { tabindex: "0" }, line),
  ];
}

function reach(items, isWhole) {
  if (!items.length) return empty(isWhole ? "Nobody: everybody reaches whom they reached before." : "There is too much to compare.");
  const opened = items.filter((each) => each.after === "allow");
  const closed = items.filter((each) => each.after !== "allow");
  const left = Math.max(0, items.length - SHOWN);
  return [
    h("p", null, badge(opened.length ? "warn" : "plain", `${number(opened.length)} newly allowed`), " ", badge("plain", `${number(closed.length)} no longer`)),
    h("div.scroll", { tabindex: "0", role: "region", "aria-label": "Who can newly reach whom" }, h("table.list.reached", null,
      h("thead", null, h("tr", null, ["Tenant", "From", "To", "Traffic", "Before", "After"].map((name) => h("th", { scope: "col" }, name)))),
      h("tbody", null, [...opened, ...closed].slice(0, SHOWN).map((each) => h("tr", null,
        h("td", null, each.tenant), h("td.mono", null, each.from), h("td.mono", null, each.to), h("td.mono", null, each.words),
        h("td", null, word(each.before)), h("td", null, word(each.after))))))),
    (left > 0 || !isWhole) && h("p.small.muted", null, `and ${left ? number(left) : "even"} more`),
  ];
}

const word = (verdict) => badge(verdict === "allow" ? "good" : "plain", verdict);

function asserted({ passed, failed, moot, failures }) {
  return [
    h("p", null, badge(passed ? "good" : "plain", `${number(passed)} hold`), " ", badge(failed ? "bad" : "plain", `${number(failed)} fail`),
      moot > 0 && [" ", badge("plain", `${number(moot)} about nobody`)]),
    failures.length > 0 && h("ul", null, failures.map((each) => h("li", null,
      h("span.mono", null, `${each.from} → ${each.to} ${each.protocol}${each.port === undefined ? "" : `/${each.port}`}`), ` should be ${each.expect === "allow" ? "allowed" : "denied"}`,
      each.description && `: ${each.description}`))),
  ];
}

function costs(flows) {
  const rows = Object.entries(flows).filter(([, cost]) => cost.added || cost.removed);
  if (!rows.length) return empty("No switch gets another flow.");
  return h("table.list.narrow", null,
    h("thead", null, h("tr", null, ["Switch", "Added", "Removed", "Then"].map((name) => h("th", { scope: "col" }, name)))),
    h("tbody", null, rows.map(([name, cost]) => h("tr", null, h("th", { scope: "row" }, name),
      h("td.number", null, `+${number(cost.added)}`), h("td.number", null, `−${number(cost.removed)}`), h("td.number", null, number(cost.total))))));
}

function change({ op, path, before, after }) {
  const [kind, word_] = OPS[op] ?? ["plain", op];
  const body = (value) => h("pre", { tabindex: "0" }, JSON.stringify(value, null, 2));
  return h("li", null, h("details", null, h("summary", null, badge(kind, word_), " ", h("span.mono", null, path)),
    before ? [h("p.small.muted", null, "before"), body(before)] : null, after ? [h("p.small.muted", null, "after"), body(after)] : null));
}
