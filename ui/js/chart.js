// uPlot, in the page's colours. Canvas knows no style sheet, so they are read from elements that do.

import { h } from "./dom.js";

const HEIGHT = 190;

function colour(parent, name) {
  const probe = h(`span.${name}`, { hidden: true });
  parent.append(probe);
  const { color } = getComputedStyle(probe);
  probe.remove();
  return color;
}

// Draws lines into `parent`; `pointed(n)` hears which minute is pointed at, null for none. `end()` takes it away.
export function drawn(parent, times, rows, pointed) {
  const line = colour(parent, "chart-line");
  const text = colour(parent, "chart-text");
  const axis = { stroke: text, font: "12px system-ui, sans-serif", grid: { stroke: line, width: 1 }, ticks: { stroke: line, width: 1 } };
  const strokes = rows.map((row) => colour(parent, `reason-${row.reason}`));
  const options = {
    width: Math.max(200, parent.clientWidth), height: HEIGHT, legend: { show: false },
    cursor: { y: false, drag: { x: false, y: false } },
    scales: { y: { range: (_, low, high) => [0, Math.max(4, high * 1.1)] } },
    axes: [
      { ...axis, values: (_, splits) => splits.map((each) => new Date(each * 1000).toLocaleTimeString("en-GB", { hour: "2-digit", minute: "2-digit" })) },
      { ...axis, size: 46, incrs: [1, 2, 5, 10, 20, 50, 100, 200, 500, 1e3, 2e3, 5e3, 1e4, 2e4, 5e4, 1e5, 1e6, 1e7, 1e8] },
    ],
    series: [{}, ...rows.map((row, n) => ({ label: row.reason, stroke: strokes[n], width: 2, points: { show: false }, dash: n % 2 ? [6, 3] : undefined }))],
    hooks: { setCursor: [(plot) => pointed(plot.cursor.idx ?? null)] },
  };
  const plot = new globalThis.uPlot(options, [times, ...rows.map((row) => row.counts)], parent);
  pointed(null);
  const resized = new ResizeObserver(() => {
    const width = Math.max(200, parent.clientWidth);
    if (width !== plot.width) plot.setSize({ width, height: HEIGHT });
  });
  resized.observe(parent);
  return { end() { resized.disconnect(); plot.destroy(); } };
}
