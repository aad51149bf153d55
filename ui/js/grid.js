// A table in which arrow keys go from cell to cell (ARIA grid): one tab stop, however many cells.

import { h } from "./dom.js";

// `cell(row, col)` gives {content, label, kind, chosen} or null for a hole; `choose(row, col)` is what Enter and a click do.
export function grid({ label, rows, cols, corner, head, cell, choose, at }) {
  let here = at ?? null;
  const boxes = new Map();
  const place = (row, col) => `${row} ${col}`;
  const focusable = (row, col) => boxes.get(place(row, col));

  function enter(row, col) {
    const before = here && focusable(...here);
    if (before) before.tabIndex = -1;
    here = [row, col];
    const box = focusable(row, col);
    box.tabIndex = 0;
    box.focus();
    box.scrollIntoView({ block: "nearest", inline: "nearest" });
  }

  const MOVES = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] };
  function moved(event) {
    if (!here) return;
    if (event.key === "Home" || event.key === "End") {
      event.preventDefault();
      const order = event.key === "Home" ? cols.keys() : [...cols.keys()].reverse();
      for (const col of order) if (focusable(here[0], col)) return enter(here[0], col);
    }
    const [down, right] = MOVES[event.key] ?? [];
    if (down === undefined) return undefined;
    event.preventDefault();
    let [row, col] = [here[0] + down, here[1] + right];
    while (rows[row] !== undefined && cols[col] !== undefined) { // over the holes
      if (focusable(row, col)) return enter(row, col);
      [row, col] = [row + down, col + right];
    }
    return undefined;
  }

  function box(row, col) {
    const said = cell(row, col);
    if (!said) return h("td.hole", { role: "gridcell" });
    const button = h("button", {
      type: "button", tabindex: "-1", "aria-label": said.label, title: said.label,
      onclick: () => { enter(row, col); mark(button); choose(row, col); },
    }, said.content);
    boxes.set(place(row, col), button);
    return h(`td.${said.kind}`, { role: "gridcell", "aria-selected": "false" }, button);
  }

  function mark(button) {
    for (const each of table.querySelectorAll("[aria-selected=true]")) each.setAttribute("aria-selected", "false");
    button.parentElement.setAttribute("aria-selected", "true");
  }

  const table = h("table.grid", { role: "grid", "aria-label": label, "aria-rowcount": rows.length + 1, onkeydown: moved },
    h("thead", null, h("tr", { role: "row" }, h("td.corner", null, corner), cols.map((_, n) => h("th", { scope: "col", role: "columnheader" }, h("span", null, head(n, "col")))))),
    h("tbody", null, rows.map((_, row) => h("tr", { role: "row" },
      h("th", { scope: "row", role: "rowheader" }, head(row, "row")), cols.map((_each, col) => box(row, col))))));
  const start = here && focusable(...here) ? here : [...boxes.keys()][0]?.split(" ").map(Number);
  if (start) { here = start; focusable(...start).tabIndex = 0; }
  return { element: table, here: () => here, mark: (row, col) => { const found = focusable(row, col); if (found) mark(found); } };
}
