// How full each tenant's conntrack zones are, against their limits.

import { curl, get } from "./api.js";
import { h, svg } from "./dom.js";
import { number, percent } from "./format.js";
import { empty, panel } from "./panel.js";

const SHOWN = 12;

export function fill(signal) {
  return panel({
    title: "Conntrack fill per tenant", name: "fill", signal, every: 10_000, watch: (event) => event.type.startsWith("zone."),
    curl: () => curl("/v1/usage"),
    load: async (ending) => ({ items: (await get("/v1/usage", ending)).items }),
    draw: ({ items }) => {
      const zones = items.filter((each) => each.connections !== null);
      if (!zones.length) return empty(items.length ? "No switch tells how many connections it has: set control_socket (docs/ovs.md)." : "No tenant has a port on a connected switch.");
      const several = new Set();
      const twice = new Set(zones.map((each) => each.tenant).filter((tenant) => several.has(tenant) || !several.add(tenant)));
      return [
        h("ul.fills", null, zones.slice(0, SHOWN).map((each) => row(each, twice.has(each.tenant)))),
        zones.length > SHOWN && h("p.small.muted", null, `${number(zones.length - SHOWN)} more, less full`),
      ];
    },
  }).element;
}

function row(use, isOneOfSeveral) {
  const where = isOneOfSeveral ? ` on ${use.switch}${use.vlan ? `, vlan ${use.vlan}` : ""}` : "";
  const state = use.ratio === null || use.ratio === undefined ? "plain" : use.ratio >= 0.98 ? "bad" : use.ratio >= 0.85 ? "warn" : "plain";
  const title = `zone ${use.zone} on ${use.switch}${use.vlan ? `, vlan ${use.vlan}` : ""}`;
  const meter = use.limit
    ? bar(use, state)
    : h("span.muted.small.none", null, "no limit");
  return h("li", { title },
    h("span.name", null, use.tenant, where && h("span.muted.small", null, where)), meter,
    h("span.count", null, number(use.connections), use.limit ? ` / ${number(use.limit)}` : "", state !== "plain" && h("span.hidden", null, " near the limit")));
}

function bar(use, state) {
  const filled = Math.min(100, Math.max(use.connections ? 1 : 0, (100 * use.connections) / use.limit));
  const values = { "aria-valuemin": 0, "aria-valuemax": use.limit, "aria-valuenow": use.connections };
  return h(`div.meter.${state}`, { role: "meter", ...values, "aria-label": `${use.tenant}: ${percent(use.ratio)} of the limit` },
    svg("svg", { "aria-hidden": "true", width: "100%", height: "10" }, svg("rect.filled", { width: `${filled}%`, height: "10", rx: "4" })));
}
