// What guards and policies have dropped: where to ask, and how to lay it out over time.

import { query } from "./api.js";

export const WINDOW = 5; // minutes, of the strip
export const GUARDS = new Set(["mac", "ethertype", "arp", "ipv4", "ipv6", "nd", "mld", "dhcp"]);
const SPANS = [30, 120]; // minutes of the chart: the shorter one if it has all there is; the controller keeps no more

export const recently = () => `/v1/drops${query({ since: `${WINDOW}m` })}`;
export const lately = (more = {}) => `/v1/drops${query(more)}`;

// Minutes without a drop are told as well, as 0: a line between two drops must not look like drops.
export function series(items, keep = () => true) {
  const end = Math.floor(Date.now() / 60_000);
  const oldest = Math.min(end, ...items.filter(keep).map((each) => Math.floor(Date.parse(each.time) / 60_000)));
  const span = SPANS.find((minutes) => end - oldest <= minutes) ?? SPANS.at(-1);
  const times = Array.from({ length: span + 1 }, (_, n) => (end - span + n) * 60);
  const at = new Map(times.map((time, n) => [time, n]));
  const byReason = new Map();
  for (const { time, reason, packets } of items.filter(keep)) {
    const n = at.get(Math.floor(Date.parse(time) / 60_000) * 60);
    if (n === undefined) continue;
    if (!byReason.has(reason)) byReason.set(reason, new Array(times.length).fill(0));
    byReason.get(reason)[n] += packets;
  }
  const sum = (counts) => counts.reduce((all, each) => all + each, 0);
  const rows = [...byReason].map(([reason, counts]) => ({ reason, counts, total: sum(counts) }));
  return { times, rows: rows.sort((a, b) => b.total - a.total) };
}
