// One port: is it in force, what may it do and how often was that used, what is on the switch, what was dropped.

import { curl, get, path, query, text } from "./api.js";
import { badge, h, show, link } from "./dom.js";
import { drops } from "./drops.js";
import { ago, number, reason } from "./format.js";
import { empty, panel } from "./panel.js";
import { switchName } from "./names.js";
import { KIND, bound } from "./ports.js";
import { tracer } from "./tracer.js";

const CONNECTIONS = 100;

export function portPage(signal, tenant, port) {
  const base = path`/v1/tenants/${tenant}/ports/${port}`;
  const concerns = (event) => event.data?.tenant === tenant && (event.data.port ?? event.data.id ?? event.data.name) === port;
  const mine = (event) => concerns(event) || /^(group|address_group|guardrail)\./.test(event.type);
  const question = tracer(signal, { hint: "Ask what this port may reach, or who may reach it." });
  question.of(tenant);
  question.prefill({ src: port });
  const trace = panel({ title: "Why?", name: "why", signal });
  show(trace.body, question.element);
  trace.body.removeAttribute("aria-busy");
  return [
    h("p.crumbs", null, link(path`#/ports/${tenant}`, tenant), " / ", port),
    panel({ title: port, name: "facts", level: "h1", signal, every: 10_000, watch: concerns, curl: () => curl(base), load: (ending) => get(base, ending), draw: facts }).element,
    rules(signal, base, tenant, mine),
    h("div.columns", null, trace.element, drops(signal, { where: { tenant, port }, title: "Drops per minute, by reason", keep: () => true })),
    connections(signal, tenant, port),
    flows(signal, base, mine),
  ];
}

function facts(port) {
  const { status } = port;
  const pairs = port.allowed_address_pairs.map((pair) => (pair.mac ? `${pair.address} (${pair.mac})` : pair.address));
  const dropped = Object.entries(status.drops ?? {}).filter(([, packets]) => packets);
  const rows = [
    ["State", [badge(KIND[status.state] ?? "plain", status.state), " ", [status.reason, status.message].filter(Boolean).join(": ")]],
    ["Addresses", port.addresses.join(", ") || "none"],
    ["MAC", port.mac],
    pairs.length && ["Address pairs", pairs.join(", ")],
    ["Groups", port.groups.join(", ") || "none: it receives nothing new"],
    ["Egress", port.egress === "any" ? "whatever it says under its own addresses" : "what its groups allow"],
    ["Spoof guard", [port.spoof_guard === "off" ? badge("bad", "off") : port.spoof_guard]],
    !port.enabled && ["Enabled", [badge("warn", "no")]],
    ["Bound to", bound(port)],
    ["On the switch", status.dpid ? [`${switchName(status.dpid)} port ${status.ofport ?? "–"}, ${number(status.flows)} flows, `, status.realized_revision >= port.revision ? `in force since revision ${port.revision}` : `has revision ${status.realized_revision} of ${port.revision}`] : "nowhere"],
    ["Segment and zone", `${port.vlan ? `VLAN ${port.vlan}` : "untagged"}, zone ${status.conntrack_zone ?? "–"}`],
    ["Dropped", status.drops === null ? "the switch does not tell" : dropped.length ? dropped.map(([why, packets]) => `${reason(why)} ${number(packets)}`).join(", ") : "nothing"],
  ];
  return h("dl.facts", null, rows.filter(Boolean).map(([name, value]) => [h("dt", null, name), h("dd", null, value)]));
}

function rules(signal, base, tenant, watch) {
  const where = `${base}/effective-rules`;
  return panel({
    title: "Effective rules", name: "rules", signal, every: 15_000, watch, curl: () => curl(where), load: (ending) => get(where, ending),
    draw: ({ items, unavailable, shared_by: shared }) => [
      unavailable && h("p.notice", null, `No counters: ${unavailable.detail}`),
      items.length ? h("div.scroll", { tabindex: "0", role: "region", "aria-label": "Effective rules" }, h("table.list", null,
        h("thead", null, h("tr", null, ["Rule", "", "Traffic", "Peer", "Hits", "Last used"].map((name) => h("th", { scope: "col" }, name || h("span.hidden", null, "Verdict"))))),
        h("tbody", null, items.map(rule)))) : empty("No rule applies: nothing new reaches this port."),
      shared > 1 && h("p.small.muted", null, `Hits are of the ${shared} ports on this switch that carry the same groups.`),
    ],
  }).element;
}

function rule(each) {
  const verdict = each.effective ? badge(each.action === "deny" ? "bad" : "good", each.direction) : badge("plain", `${each.direction}, idle`);
  const name = each.origin.guardrail ? `guardrail ${each.origin.guardrail}` : each.rule ?? "default";
  return h("tr", { title: each.because }, h("th", { scope: "row" }, name), h("td", null, verdict, each.action === "deny" && " deny"),
    h("td.mono", null, traffic(each)), h("td.mono", { title: each.remote_networks?.join(" ") }, peer(each)),
    h("td.number", null, number(each.hits)), h("td", null, each.last_used ? ago(each.last_used) : "–"));
}

function traffic({ ethertype, protocol, port_min: low, port_max: high, icmp_type: type }) {
  const ports = low === undefined ? "" : high !== undefined && high !== low ? `/${low}-${high}` : `/${low}`;
  return `${ethertype === "IPv6" ? "ipv6 " : ""}${protocol ?? "any"}${ports}${type === undefined ? "" : `/${type}`}`;
}

function peer(rule) {
  const count = rule.remote_networks_count === undefined ? "" : ` (${rule.remote_networks_count})`;
  if (rule.remote_group) return `group ${rule.remote_group}${count}`;
  if (rule.remote_address_group) return `addresses ${rule.remote_address_group}${count}`;
  return rule.remote_cidr ?? "anybody";
}

function connections(signal, tenant, port) {
  const where = path`/v1/tenants/${tenant}/conntrack` + query({ port, limit: CONNECTIONS });
  const end = (address, number_) => (number_ === undefined ? address : address.includes(":") ? `[${address}]:${number_}` : `${address}:${number_}`);
  return panel({
    title: "Connections", name: "connections", signal, every: 15_000, curl: () => curl(where), load: (ending) => get(where, ending),
    draw: ({ items, next, unavailable }) => [
      unavailable.length > 0 && h("p.notice", null, unavailable.map((each) => `${each.switch}: ${each.detail}`).join("; ")),
      items.length ? h("div.scroll.tall", { tabindex: "0", role: "region", "aria-label": "Connections" }, h("table.list", null,
        h("thead", null, h("tr", null, ["Protocol", "From", "To", "State", "Ends in", "Admitted by"].map((name) => h("th", { scope: "col" }, name)))),
        h("tbody", null, items.map((each) => h("tr", null,
          h("td", null, each.protocol), h("td.mono", null, end(each.src, each.sport)), h("td.mono", null, end(each.dst, each.dport)),
          h("td", null, each.state ?? "–"), h("td", null, each.timeout === null ? "–" : `${number(each.timeout)} s`),
          h("td", null, [each.initiator?.rule, each.responder?.rule].filter(Boolean).join(", ") || "–")))))) : !unavailable.length && empty("No connection at the moment."),
      next && h("p.small.muted", null, `The first ${CONNECTIONS}; curl has them all.`),
    ],
  }).element;
}

function flows(signal, base, watch) {
  const where = `${base}/flows`;
  return panel({
    title: "Flows on the switch", name: "flows", signal, every: 30_000, watch, curl: () => curl(where, { accept: "text/plain" }),
    load: (ending) => text(where, ending),
    draw: (dump) => (dump.trim() ? h("pre.dump", { tabindex: "0" }, dump.trimEnd()) : empty("No flow of this port is on a switch.")),
  }).element;
}
