// Drops over time by reason, drawn by uPlot; the same as a table for who cannot see it.

import { curl, get } from "./api.js";
import { h, show } from "./dom.js";
import { drawn } from "./chart.js";
import { GUARDS, lately, series } from "./drops_data.js";
import { clock, number, reason } from "./format.js";
import { empty, panel } from "./panel.js";

export function drops(signal, { where = {}, title = "Spoof drops per minute, by reason", keep = (each) => GUARDS.has(each.reason) } = {}) {
  let chart = null;
  const box = panel({
    title, name: "drops", signal, every: 30_000, watch: (event) => event.type === "spoof.drop",
    curl: () => curl(lately(where)),
    load: async (ending) => ({ items: (await get(lately(where), ending)).items, minute: Math.floor(Date.now() / 60_000) }),
    draw: ({ items }, body) => {
      chart?.end();
      chart = null;
      const { times, rows } = series(items, keep);
      if (!rows.length) return empty("Nothing was dropped in the last two hours.");
      const plot = h("div.plot", { "aria-hidden": "true" });
      const legend = h("ul.legend", null);
      show(body, plot, legend, table(times, rows));
      chart = drawn(plot, times, rows, (n) => show(legend, rows.map((row) => entry(row, n))));
      return undefined;
    },
  });
  const entry = (row, n) => h("li", null, h(`span.swatch.reason-${row.reason}`), reason(row.reason), " ",
    h("b", null, number(n === null ? row.total : row.counts[n])));
  document.addEventListener("ow:theme", () => box.reset(), { signal });
  signal.addEventListener("abort", () => chart?.end());
  return box.element;
}

function table(times, rows) {
  const busy = times.map((_, n) => n).filter((n) => rows.some((row) => row.counts[n]));
  return h("details.as-table", null, h("summary", null, "As a table"),
    h("div.scroll", { tabindex: "0", role: "region", "aria-label": "Drops per minute" }, h("table", null,
      h("thead", null, h("tr", null, h("th", { scope: "col" }, "Minute"), rows.map((row) => h("th", { scope: "col" }, reason(row.reason))))),
      h("tbody", null, busy.reverse().slice(0, 60).map((n) => h("tr", null,
        h("th", { scope: "row" }, clock(times[n] * 1000).slice(0, 5)), rows.map((row) => h("td", null, number(row.counts[n]))))))))); 
}
