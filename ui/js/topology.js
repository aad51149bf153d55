// Switches and their ports: colour says whose, shape says how it is. A dot leads to its port.

import { curl, get, path } from "./api.js";
import { h, link, svg, newId } from "./dom.js";
import { number, plural } from "./format.js";
import { learn } from "./names.js";
import { empty, panel } from "./panel.js";
import { isOperator } from "./session.js";

const HUES = 8;
const STEP = 18; // px from dot to dot
const PER_ROW = 10;
const NAMED = 120; // dots of one switch; the others are counted
const STATES = ["active", "building", "down", "error"];

export function topology(signal) {
  return panel({
    title: "Topology", name: "topology", signal, every: 15_000,
    watch: (event) => /^(port|switch)\./.test(event.type),
    curl: () => curl(`/v1/topology?limit=${NAMED}`),
    load: async (ending) => { const { switches, unplaced } = await get(`/v1/topology?limit=${NAMED}`, ending); return { switches, unplaced }; },
    draw: ({ switches, unplaced }) => {
      learn(switches);
      const all = [...switches, ...(unplaced.ports.length ? [{ name: "on no switch", isNone: true, ...unplaced }] : [])];
      if (!all.length) return empty("No switch has connected, and none is configured.");
      const tenants = [...new Set(all.flatMap((each) => each.ports.map((port) => port.tenant)))].sort();
      const hue = new Map(tenants.map((tenant, n) => [tenant, `hue-${n % HUES}`]));
      return [h("ul.switches", null, all.map((each) => drawn(each, hue))), legend(tenants, hue)];
    },
  }).element;
}

function drawn(bridge, hue) {
  const count = bridge.ports.length + bridge.left_out;
  const rows = Math.max(1, Math.ceil(bridge.ports.length / PER_ROW));
  const ports = [...bridge.ports].sort((a, b) => a.tenant.localeCompare(b.tenant) || a.id.localeCompare(b.id));
  const id = newId("switch");
  const state = bridge.isNone ? "none" : !bridge.connected ? "away" : bridge.state === "synced" ? "synced" : "busy";
  const word = { none: "", away: "not connected", synced: "in step", busy: bridge.state }[state];
  return h(`li.switch.${state}`, { "aria-labelledby": id },
    h("p", { id }, h("strong", null, isOperator() && !bridge.isNone ? link(path`#/switch/${bridge.dpid}`, bridge.name) : bridge.name), word && h("span.state", null, word)),
    h("p.small.muted", null, [plural(count, "port"), bridge.flows !== undefined && plural(bridge.flows, "flow"),
      bridge.uplinks?.length ? `uplink ${bridge.uplinks.join(", ")}` : ""].filter(Boolean).join(" · ")),
    bridge.ports.length > 0 && svg("svg.dots", { viewBox: `0 0 ${PER_ROW * STEP} ${rows * STEP}`, role: "group", "aria-label": `Ports of ${bridge.name}` },
      ports.map((port, n) => dot(port, hue.get(port.tenant), (n % PER_ROW) * STEP + STEP / 2, Math.floor(n / PER_ROW) * STEP + STEP / 2))),
    bridge.left_out > 0 && h("p.small.muted", null, `and ${number(bridge.left_out)} more`));
}

function dot(port, hue, x, y) {
  const name = `${port.tenant}/${port.id}: ${port.state}`;
  return svg("a", { href: path`#/port/${port.tenant}/${port.id}`, "aria-label": name },
    svg(`g.dot.${port.state}.${hue}`, { transform: `translate(${x} ${y})` }, svg("title", null, name),
      svg("circle.hit", { r: STEP / 2 }), shape(port.state)));
}

// Not by colour alone: a full disc works, a ring is down, a broken ring is under way, a cross is wrong.
function shape(state) {
  if (state === "error") return svg("path.cross", { d: "M-5-5 5 5M5-5-5 5" });
  return svg("circle.mark", { r: state === "active" ? 6 : 5 });
}

function legend(tenants, hue) {
  const sign = (state, name = "hue-none") => svg("svg.sign", { viewBox: "-9 -9 18 18", "aria-hidden": "true" }, svg(`g.dot.${state}.${name}`, null, shape(state)));
  return h("div.legends", null,
    h("ul.legend", { "aria-label": "Tenants" }, tenants.slice(0, 12).map((tenant) => h("li", null, sign("active", hue.get(tenant)), tenant)),
      tenants.length > 12 && h("li", null, `and ${tenants.length - 12} more`)),
    h("ul.legend", { "aria-label": "States" }, STATES.map((state) => h("li", null, sign(state), state))));
}
