// Starts the page: who is signed in, then the page that the address names.

import { h, show } from "./dom.js";
import * as live from "./live.js";
import { loginView } from "./login.js";
import { problem } from "./panel.js";
import { overview } from "./overview.js";
import { planPage } from "./plan.js";
import { portPage } from "./port.js";
import { portsPage } from "./ports.js";
import { forget, signedIn, whoami } from "./session.js";
import { shell } from "./shell.js";
import { switchPage } from "./switch.js";

const app = document.getElementById("app");
let frame = null;
let framed = null; // what ends with the shell
let shown = null; // what ends with the page

const ROUTES = [
  [/^#\/$/, "Overview", overview],
  [/^#\/ports(?:\/([^/?]+))?(?:\?.*)?$/, "Ports", portsPage],
  [/^#\/port\/([^/]+)\/([^/]+)$/, "Port", portPage],
  [/^#\/switch\/([^/]+)$/, "Switch", switchPage],
  [/^#\/plan$/, "Plan", planPage],
];

function leave(reason) {
  shown?.abort();
  framed?.abort();
  live.forget();
  forget();
  frame = framed = shown = null;
  document.title = "Sign in · ovswarden";
  show(app, loginView(enter, reason));
}

function enter() {
  framed = new AbortController();
  frame = shell(framed.signal, () => leave());
  show(app, frame.element);
  live.start();
  turn();
}

function turn() {
  if (!frame) return;
  const hash = location.hash || "#/";
  for (const [pattern, title, page] of ROUTES) {
    const found = hash.match(pattern);
    if (!found) continue;
    shown?.abort();
    shown = new AbortController();
    const keys = found.slice(1).map((key) => key && decodeURIComponent(key));
    document.title = `${keys.filter(Boolean).at(-1) ?? title} · ovswarden`;
    frame.here(hash);
    show(frame.main, page(shown.signal, ...keys));
    scrollTo(0, 0);
    return;
  }
  location.replace("#/");
}

document.addEventListener("ow:signed-out", () => { if (signedIn()) leave("The session has ended. Sign in again."); });
addEventListener("hashchange", () => { turn(); frame?.main.focus({ preventScroll: true }); });

async function begin() {
  try {
    if (await whoami()) enter(); else leave();
  } catch (refusal) {
    show(app, h("main.centre", { id: "main", tabindex: "-1" }, h("div.card", null, problem(refusal, begin))));
  }
}

begin();
