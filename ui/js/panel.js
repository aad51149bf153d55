// A card that loads, refreshes, says when it is empty and what went wrong, and has its curl line one click away.

import { h, show, newId } from "./dom.js";
import { clock } from "./format.js";
import { subscribe } from "./live.js";

const SOON = 400; // ms after an event that concerns the card
const REST = 2000; // ms between two loads that nobody asked for, and ten times what one took: many events cost no more

// `curl` gives the commands; `load(signal)` the data; `draw(data, body)` shows them, and may give back what to put there.
// `watch(event)` says whether an event makes the data old; `every` is in ms; `signal` ends it all.
export function panel({ title, sub, name, curl, load, draw, every, watch, signal, actions = [], level = "h2" }) {
  const id = newId("panel");
  const heading = h(level, { id }, title);
  const note = h("span.note", { role: "status" });
  const lines = h("pre", { tabindex: "0" });
  const copy = h("button.plain", { type: "button", onclick: copied }, "Copy");
  const box = h("div.curl", { id: `${id}-curl`, hidden: true }, lines, copy,
    h("p.small.muted", null, "with T=\"Authorization: Bearer ow_…\""));
  const toggle = curl && h("button.plain.toggle", {
    type: "button", "aria-expanded": "false", "aria-controls": box.id, title: "The same by curl", onclick: toggled,
  }, "curl");
  const body = h("div.body", { "aria-busy": "true" }, h("div.skeleton", { "aria-hidden": "true" }), h("p.hidden", null, "Loading"));
  const element = h(`section.card.${name}`, { "aria-labelledby": id },
    h("header", null, heading, sub && h("span.muted.sub", null, sub), h("span.space"), note, ...actions, toggle), box, body);
  let before = null;
  let running = null;
  let again = false;
  let soon = null;
  let rested = 0; // when the next load is due at the earliest

  function toggled() {
    box.hidden = !box.hidden;
    toggle.setAttribute("aria-expanded", String(!box.hidden));
    tell();
  }
  const tell = () => { if (curl && !box.hidden) show(lines, [curl()].flat().join("\n")); };
  async function copied() {
    try { await navigator.clipboard.writeText(lines.textContent); show(copy, "Copied"); } catch { show(copy, "Select it"); }
    setTimeout(() => show(copy, "Copy"), 1500);
  }

  async function once() {
    try {
      const data = await load(signal);
      if (signal.aborted) return;
      const text = JSON.stringify(data);
      show(note);
      if (text !== before) redraw(data);
      before = text;
    } catch (refusal) {
      if (!signal.aborted) refused(refusal);
    }
    body.setAttribute("aria-busy", "false");
    tell();
  }

  function redraw(data) {
    const drawn = draw(data, body);
    if (drawn !== undefined) show(body, drawn);
  }

  function refused(refusal) {
    if (before !== null) return show(note, `not refreshed at ${clock(Date.now())}: ${refusal.message}`);
    return show(body, problem(refusal, refresh));
  }

  // One load at a time; what is asked meanwhile is one more after it.
  function refresh() {
    again = true;
    running ??= (async () => {
      while (again && !signal.aborted) {
        again = false;
        const begin = performance.now();
        await once();
        const end = performance.now();
        rested = end + Math.max(REST, 10 * (end - begin));
      }
      running = null;
    })();
    return running;
  }

  // Draws anew although the data are the same: what is asked of them has changed.
  function reset() {
    before = null;
    return refresh();
  }

  const isSeen = () => document.visibilityState === "visible";
  if (load) {
    refresh();
    const ticking = every && setInterval(() => { if (isSeen() && performance.now() > rested) refresh(); }, every);
    const woken = () => { if (isSeen()) refresh(); };
    document.addEventListener("visibilitychange", woken, { signal });
    signal.addEventListener("abort", () => { clearInterval(ticking); clearTimeout(soon); });
    if (watch) subscribe(({ event }) => {
      if (!event || !watch(event)) return;
      soon ??= setTimeout(() => { soon = null; if (isSeen()) refresh(); }, Math.max(SOON, rested - performance.now()));
    }, signal);
  }
  return { element, body, heading, note, refresh, reset, tell };
}

// What went wrong, every problem of it, and what can be done.
export function problem(refusal, retry) {
  return h("div.problem", { role: "alert" },
    h("p", null, h("strong", null, refusal.message)),
    refusal.errors?.length > 0 && h("ul", null, refusal.errors.map((each) =>
      h("li", null, h("code", null, each.pointer), " ", each.detail, each.hint && ` – ${each.hint}`))),
    h("p.small.muted", null, [refusal.code, refusal.status || "", refusal.requestId].filter(Boolean).join(" · ")),
    retry && h("button", { type: "button", onclick: () => retry() }, "Try again"));
}

export const empty = (...said) => h("p.empty", null, ...said);
