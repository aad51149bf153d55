// The event stream: one connection for the whole page, resumed where it broke off.

import { BASE, get, query } from "./api.js";

// EventSource hears only the types that are named to it; tests/ui compares this list with the controller's own.
export const TYPES = [
  "switch.connected", "switch.disconnected", "switch.refused", "switch.drift", "switch.duplicate", "switch.warning",
  "switch.warning_cleared", "switch.reconciled", "switch.created", "switch.updated", "switch.deleted",
  "port.active", "port.down", "port.error", "port.bound", "port.unbound", "port.created", "port.updated", "port.deleted",
  ...["tenant", "group", "address_group", "guardrail", "token"].flatMap((kind) =>
    ["created", "updated", "deleted"].map((what) => `${kind}.${what}`)),
  "token.used-first", "token.revoked", "policy.realized", "spoof.drop", "zone.near-limit", "zone.full",
  "store.read-only", "store.recovered", "trace.disagreement",
];
const KEPT = 200;
const BACKLOG = 50;
const AGAIN = [1000, 2000, 5000, 10_000]; // ms until the next attempt

const listeners = new Set();
let events = []; // the newest first
let last = null;
let source = null;
let timer = null;
let failures = 0;
let state = "connecting";

// told({event}) for each new one, told({state}) when the connection changes, told({reset: true}) when some were missed
export function subscribe(told, signal) {
  listeners.add(told);
  signal.addEventListener("abort", () => listeners.delete(told));
  told({ state });
}

export const recent = () => events;
const tell = (what) => { for (const told of [...listeners]) told(what); };

function become(next) {
  if (next === state) return;
  state = next;
  tell({ state });
}

function keep(event) {
  if (last !== null && event.id <= last) return;
  last = event.id;
  events = [event, ...events].slice(0, KEPT);
  tell({ event });
}

export async function start() {
  stop();
  await backlog().catch(() => {}); // the stream tells what is wrong
  if (timer === null && source === null) open();
}

export function stop() {
  clearTimeout(timer);
  source?.close();
  source = timer = null;
}

export function forget() {
  stop();
  events = [];
  last = null;
  failures = 0;
  become("connecting");
}

// Pages begin with the oldest that is kept; the last few of the last page are what is shown.
async function backlog() {
  if (last !== null) return;
  let page = null;
  let found = [];
  for (let next = `/v1/events${query({ limit: 1000 })}`; next; next = page.next) {
    page = await get(next);
    found = [...found, ...page.items].slice(-BACKLOG);
  }
  events = found.reverse();
  last = page.last;
  tell({ reset: true });
}

function open() {
  source = new EventSource(new URL(`v1/events${query({ after: last })}`, BASE), { withCredentials: true });
  source.onopen = () => { failures = 0; become("live"); };
  source.onerror = () => {
    become("broken");
    if (source?.readyState === EventSource.CLOSED) later();
  };
  source.addEventListener("reset", () => { last = null; backlog().catch(() => {}); });
  source.addEventListener("overflow", later);
  for (const type of TYPES) source.addEventListener(type, (message) => keep(read(type, message)));
}

// An answer that is no stream ends an EventSource for good: begin again, behind the last event that came.
function later() {
  stop();
  become("broken");
  timer = setTimeout(() => { timer = null; open(); }, AGAIN[Math.min(failures++, AGAIN.length - 1)]);
}

function read(type, message) {
  let said = {};
  try { said = JSON.parse(message.data); } catch { said = { text: message.data }; }
  const { time, data, ...rest } = said;
  return { id: Number(message.lastEventId), type, time: time ?? new Date().toISOString(), data: data ?? rest };
}
