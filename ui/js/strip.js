// The strip: one tile a question, green only if the answer is good.

import { curl, get, path } from "./api.js";
import { h, show, link } from "./dom.js";
import { ago, number, percent, plural, seconds } from "./format.js";
import { panel } from "./panel.js";
import { GUARDS, WINDOW, recently } from "./drops_data.js";

const CHANGES = /^(switch|port|policy|tenant|zone|spoof)\./;
const LIMIT_NEAR = 0.85;
const USAGE = "/v1/usage?limit=1000";

export function strip(signal) {
  const list = h("dl.strip");
  const box = panel({
    title: "Is everything in force?", name: "status", signal, every: 5000, watch: (event) => CHANGES.test(event.type),
    curl: () => [curl("/v1/overview"), curl(recently()), curl(USAGE)],
    load, draw: (data) => {
      show(box.heading, verdict(data.overview));
      return show(list, tiles(data));
    },
  });
  box.element.classList.add("bare");
  return box.element;
}

async function load(signal) {
  const [overview, drops, usage] = await Promise.all([get("/v1/overview", signal), quiet(recently(), signal), quiet(USAGE, signal)]);
  return { overview, drops, usage: usage?.items ?? null };
}

// The first question, answered in words.
function verdict({ switches, ports, revision }) {
  const faults = [];
  if (switches && !switches.total) faults.push("no switch has connected yet");
  if (switches?.away.length) faults.push(`${plural(switches.away.length, "switch", "switches")} away`);
  if (switches?.behind.length) faults.push(`${plural(switches.behind.length, "switch", "switches")} behind`);
  if (ports.error) faults.push(`${plural(ports.error, "port")} in error`);
  return faults.length ? `Not everything is in force: ${faults.join(", ")}` : `Everything is in force at revision ${revision}`;
}

// What only adds to the strip must not take it away.
const quiet = (where, signal) => get(where, signal).catch((refusal) => { if (signal.aborted) throw refusal; return null; });

function tiles({ overview, drops, usage }) {
  const { switches, ports } = overview;
  return [...(switches ? ofSwitches(switches) : []), ofPorts(ports), spoofed(drops), fullest(usage)];
}

function tile(title, value, state, ...said) {
  return h(`div.tile.${state}`, null, h("dt", null, title), h("dd", null, h("strong", null, value), h("span", null, said)));
}

function ofSwitches(switches) {
  const { total, connected, behind, away, drift, slowest_push: push } = switches;
  const lag = Math.max(0, ...behind.map((each) => each.lag));
  const slow = push ? `slowest last push ${seconds(push.seconds)}` : "nothing pushed yet";
  const found = drift.missing + drift.extra + drift.altered;
  return [
    tile("Switches", `${number(connected)} / ${number(total)}`, !total ? "plain" : connected === total ? "good" : "bad",
      !total ? "none has connected yet" : away.length ? `away: ${away.slice(0, 2).join(", ")}${away.length > 2 ? ", …" : ""}` :
        switches.warnings ? plural(switches.warnings, "warning") : "connected"),
    tile("Rule to switch", behind.length ? plural(lag, "revision") : "in step", behind.length ? "warn" : connected ? "good" : "plain",
      behind.length ? `behind: ${behind.slice(0, 2).map((each) => `${each.switch} (${each.state})`).join(", ")}` : slow),
    tile("Flow drift", number(found), found ? "warn" : "good",
      found ? `${number(drift.repaired)} repaired · ` : "", `last audit ${ago(drift.audited_at)}`),
  ];
}

function ofPorts(ports) {
  const others = ["down", "building", "error"].filter((state) => ports[state]);
  return tile("Ports", number(ports.total), ports.error ? "bad" : ports.down ? "warn" : "plain",
    link("#/ports", `${number(ports.active)} active`), others.map((state) => [" · ", link(`#/ports?state=${state}`, `${number(ports[state])} ${state}`)]));
}

function spoofed(drops) {
  if (drops === null) return tile("Spoofed packets", "–", "plain", "not counted");
  const packets = drops.items.filter((each) => GUARDS.has(each.reason)).reduce((sum, each) => sum + each.packets, 0);
  const top = drops.ports.find((each) => GUARDS.has(each.reason) && each.port);
  return tile("Spoofed packets", number(packets), packets ? "bad" : "good", `in ${WINDOW} min`,
    top && [", most by ", link(path`#/port/${top.tenant}/${top.port}`, `${top.tenant}/${top.port}`)]);
}

function fullest(usage) {
  if (usage === null) return tile("Conntrack", "–", "plain", "not told");
  const [top] = usage.filter((each) => each.ratio !== null);
  const all = usage.reduce((sum, each) => sum + (each.connections ?? 0), 0);
  if (!top) return tile("Conntrack", number(all), "plain", usage.length ? "no zone has a limit" : "no zone in use");
  const state = top.ratio >= 0.98 ? "bad" : top.ratio >= LIMIT_NEAR ? "warn" : "good";
  return tile("Conntrack", number(all), state, `fullest: ${top.tenant} ${percent(top.ratio)}`);
}

