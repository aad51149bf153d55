// One switch: does it hold what is wanted, what is it, what should be seen to.

import { curl, get, path } from "./api.js";
import { badge, h, link } from "./dom.js";
import { ago, number, plural, seconds } from "./format.js";
import { empty, panel } from "./panel.js";

const KIND = { synced: "good", pushing: "warn", reading: "warn", backoff: "bad", refused: "bad", disconnected: "bad" };

export function switchPage(signal, dpid) {
  const where = path`/v1/switches/${dpid}`;
  const mine = (event) => event.data?.switch === dpid || event.type === "policy.realized";
  const load = async (ending) => ({ ...(await get(where, ending)) });
  const shared = { signal, every: 10_000, watch: mine, curl: () => curl(where), load };
  return [
    h("p.crumbs", null, link("#/", "Overview"), " / ", dpid),
    panel({ title: dpid, name: "facts", level: "h1", ...shared, draw: (bridge, body) => {
      body.parentElement.querySelector("h1").textContent = bridge.name ?? dpid;
      return facts(bridge);
    } }).element,
    panel({ title: "Warnings", name: "warnings", ...shared, draw: ({ status }) => (status.warnings.length
      ? h("dl.warnings", null, status.warnings.map((each) => [h("dt", null, h("code", null, each.code)), h("dd", null, each.detail)]))
      : empty("There is nothing to see to.")) }).element,
    panel({ title: "What it can do", name: "features", ...shared, draw: ({ status }) => (Object.keys(status.features).length
      ? h("dl.facts", null, Object.entries(status.features).map(([name, each]) => [h("dt", null, name.replaceAll("_", " ")),
        h("dd", null, badge(each.on ? "good" : "plain", each.on ? "on" : "off"), " ", each.why ?? "")]))
      : empty("It has not been asked yet.")) }).element,
  ];
}

function facts({ dpid, description, status }) {
  const { drift, last_push: push } = status;
  const lag = status.wanted_revision - status.applied_revision;
  const rows = [
    ["State", [badge(KIND[status.state] ?? "plain", status.state), status.since && ` since ${ago(status.since)}`.replace(" ago", "")]],
    ["Policy", lag ? `${plural(lag, "revision")} behind` : `revision ${status.applied_revision} is in force`],
    status.last_error && ["Last error", [status.last_error, status.retry_at && `, next attempt at ${status.retry_at}`]],
    ["Last push", push.seconds === undefined ? "none yet" : `${plural(push.flow_mods, "change")} in ${seconds(push.seconds)}`],
    ["Holds", `${plural(status.flows, "flow")}, ${plural(status.ports, "port")}`],
    ["Drift", `${number(drift.missing ?? 0)} missing, ${number(drift.extra ?? 0)} extra, ${number(drift.altered ?? 0)} altered, ${number(drift.repaired ?? 0)} repaired; audited ${ago(drift.audited_at)}`],
    ["Uplinks", status.uplinks.join(", ") || "none"],
    ["Datapath id", dpid],
    ["Address", status.address ?? "–"],
    ["Software", [status.software, status.datapath_type].filter(Boolean).join(", ") || "–"],
    description && ["Description", description],
  ];
  return h("dl.facts", null, rows.filter(Boolean).map(([name, value]) => [h("dt", null, name), h("dd", null, value)]));
}
