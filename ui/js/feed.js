// Events as they come, without a reload.

import { curl, query } from "./api.js";
import { h, show, link } from "./dom.js";
import { clock, plural, reason } from "./format.js";
import { recent, subscribe } from "./live.js";
import { switchName } from "./names.js";
import { empty, panel } from "./panel.js";

const SHOWN = 60;
const BAD = /^(spoof\.drop|port\.error|switch\.(disconnected|refused|duplicate)|zone\.full|store\.read-only|trace\.disagreement)$/;
const WARN = /^(zone\.near-limit|switch\.(drift|warning)|port\.down|port\.unbound|.*\.deleted|token\.revoked)$/;
const GOOD = /^(switch\.(connected|reconciled|warning_cleared)|port\.(active|bound)|store\.recovered|policy\.realized)$/;

export function feed(signal) {
  let paused = false;
  const pause = h("button.plain", { type: "button", "aria-pressed": "false", onclick: () => {
    paused = !paused;
    pause.setAttribute("aria-pressed", String(paused));
    show(pause, paused ? "Go on" : "Pause");
    if (!paused) draw();
  } }, "Pause");
  const rows = h("ol.feed", { role: "log", "aria-label": "Events, the newest first", tabindex: "0" });
  const box = panel({ title: "Events", name: "events", signal, actions: [pause],
    curl: () => [curl(`/v1/events${query({ limit: 1000 })}`), curl("/v1/events", { accept: "text/event-stream", stream: true })] });
  show(box.body, rows);
  box.body.removeAttribute("aria-busy");

  let due = false;
  function draw() {
    due = false;
    if (paused || signal.aborted) return;
    const events = recent().slice(0, SHOWN);
    if (!events.length) return show(rows, h("li", null, empty("Nothing has happened yet.")));
    const known = new Map([...rows.children].map((each) => [each.dataset?.id, each]));
    return rows.replaceChildren(...events.map((event) => known.get(String(event.id)) ?? row(event)));
  }
  // A burst is drawn once.
  const soon = () => { if (!due) { due = true; requestAnimationFrame(draw); } };
  subscribe(({ event, reset }) => { if (event || reset) soon(); }, signal);
  document.addEventListener("ow:names", () => { rows.replaceChildren(); soon(); }, { signal });
  draw();
  return box.element;
}

function row(event) {
  const kind = BAD.test(event.type) ? "bad" : WARN.test(event.type) ? "warn" : GOOD.test(event.type) ? "good" : "plain";
  const element = h("li", null,
    h("time", { datetime: event.time, title: event.time }, clock(event.time)),
    h(`span.type.${kind}`, null, event.type), h("span.what", null, sentence(event.type, event.data ?? {})));
  element.dataset.id = event.id;
  return element;
}

const KINDS = ["group", "address_group", "guardrail", "token", "port"];
const KNOWN = new Set(["tenant", "switch", "text", "request_id", ...KINDS]);

// What the commonest events say in words; the others name their members.
function sentence(type, data) {
  const port = data.port && data.tenant ? link(`#/port/${encodeURIComponent(data.tenant)}/${encodeURIComponent(data.port)}`, `${data.tenant}/${data.port}`) : null;
  const bridge = data.switch && switchName(data.switch);
  const where = bridge && ` on ${bridge}`;
  if (type === "spoof.drop") return [port ?? data.port ?? "a port", `: ${plural(data.packets ?? 0, "packet")} (${reason(data.reason)})`, where];
  if (type.startsWith("zone.")) return [data.tenant ?? "a tenant", `: ${data.connections ?? "?"} of ${data.limit ?? "?"} connections`, where];
  if (type === "policy.realized") return [data.tenant && `${data.tenant}: `, `revision ${data.revision}`, data.seconds !== undefined && ` in ${Math.round(data.seconds * 1000)} ms`];
  const subject = port ?? [data.tenant, ...KINDS.map((kind) => data[kind])].filter(Boolean).join("/");
  const rest = Object.entries(data).filter(([name, value]) => !KNOWN.has(name) && value !== null && typeof value !== "object")
    .map(([name, value]) => `${name.replaceAll("_", " ")} ${value}`).slice(0, 5).join(", ");
  const start = [subject || bridge || "", subject ? where : ""];
  if (type === "switch.warning") return [...start, ": ", h("span", { title: data.detail }, data.detail ?? data.code)];
  return [...start, rest && (subject || data.switch) ? ": " : "", rest || data.text || ""];
}
