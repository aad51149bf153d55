// All ports of a tenant: who is affected, and the way to a port's own page.

import { curl, list, get, path, query } from "./api.js";
import { badge, h, link, newId } from "./dom.js";
import { number } from "./format.js";
import { empty, panel } from "./panel.js";
import { ownTenant } from "./session.js";

const STATES = ["active", "building", "down", "error"];
const SHOWN = 500;
export const KIND = { active: "good", building: "warn", down: "plain", error: "bad" };

export function portsPage(signal, named) {
  const wanted = new URLSearchParams(location.hash.split("?")[1]).get("state");
  const tenant = h("select", { id: newId("tenant"), onchange: () => box.reset() });
  const state = h("select", { id: newId("state"), onchange: () => box.reset() },
    h("option", { value: "" }, "any state"), STATES.map((each) => h("option", { value: each }, each)));
  const search = h("input", { id: newId("find"), type: "search", placeholder: "name, address, MAC", oninput: () => box.reset(), spellcheck: "false" });
  if (STATES.includes(wanted)) state.value = wanted;
  const where = () => path`/v1/tenants/${tenant.value}/ports` + query({ state: state.value });
  let before = null;

  const box = panel({
    title: "Ports", name: "ports", level: "h1", signal, every: 15_000, watch: (event) => event.type.startsWith("port."),
    actions: [[tenant, "Tenant"], [state, "State"], [search, "Find"]].map(([field, name]) => [h("label.hidden", { for: field.id }, name), field]),
    curl: () => curl(where()),
    load: async (ending) => {
      const { tenants } = await get("/v1/overview", ending);
      const names = tenants.map((each) => each.name);
      if (names.join() !== before) {
        const keep = [named, tenant.value, ownTenant(), wanted && tenants.find((each) => each.ports[wanted])?.name].find((name) => names.includes(name));
        tenant.replaceChildren(...tenants.map((each) => h("option", { value: each.name }, `${each.name} (${number(each.ports.total)})`)));
        if (keep) tenant.value = keep;
        before = names.join();
      }
      return names.length ? list(where(), ending) : { items: null };
    },
    draw: ({ items, more }) => {
      if (!items) return empty("There is no tenant yet.");
      const text = search.value.trim().toLowerCase();
      const found = items.filter((each) => !text || [each.id, each.mac, ...each.addresses, ...each.groups].some((word) => word.toLowerCase().includes(text)));
      if (!found.length) return empty(items.length ? "No port is like that." : "This tenant has no such port.");
      return [table(found.slice(0, SHOWN)), (found.length > SHOWN || more) && h("p.small.muted", null, `The first ${SHOWN}. Type to find others.`)];
    },
  });
  return box.element;
}

function table(ports) {
  return h("div.scroll", { tabindex: "0", role: "region", "aria-label": "Ports" }, h("table.list", null,
    h("thead", null, h("tr", null, ["Port", "State", "Addresses", "MAC", "Groups", "Bound to"].map((name) => h("th", { scope: "col" }, name)))),
    h("tbody", null, ports.map((port) => h("tr", null,
      h("th", { scope: "row" }, link(path`#/port/${port.tenant}/${port.id}`, port.id)),
      h("td", null, badge(KIND[port.status.state] ?? "plain", port.status.state), port.status.reason && h("span.muted.small", null, ` ${port.status.reason}`)),
      h("td.mono", null, port.addresses.join(" ")),
      h("td.mono", null, port.mac), h("td", null, port.groups.join(", ")),
      h("td.mono", null, bound(port)))))));
}

export function bound(port) {
  const binding = port.binding;
  if (!binding) return "nothing";
  if (binding.iface_id) return `iface-id ${binding.iface_id}`;
  return `${binding.switch} ${binding.interface ?? `ofport ${binding.ofport}`}${binding.tag ? ` tag ${binding.tag}` : ""}`;
}
