// What stays while pages change: name, navigation, whether events are live, theme, who is signed in.

import { h, show } from "./dom.js";
import { recent, subscribe } from "./live.js";
import { clock } from "./format.js";
import { logout, signedIn } from "./session.js";

const PAGES = [["#/", "Overview"], ["#/ports", "Ports"], ["#/plan", "Plan"]];
const WORDS = { live: "live", broken: "reconnecting", connecting: "connecting" };

export function shell(signal, left) {
  const main = h("main", { id: "main", tabindex: "-1" });
  const links = PAGES.map(([href, name]) => h("a", { href }, name));
  const live = h("span.live.connecting", { role: "status", id: "live" });
  const who = signedIn();
  const element = h("div.shell", null,
    h("header.top", null,
      h("a.brand", { href: "#/" }, "ovswarden"),
      h("nav", { "aria-label": "Pages" }, links),
      h("span.space"),
      live,
      themeButton(),
      h("details.who", null,
        h("summary", null, who.name),
        h("div.menu", null,
          h("p", null, who.role, who.tenant && ` of ${who.tenant}`),
          h("p.small.muted", null, "This session can read; it changes nothing."),
          h("button", { type: "button", onclick: async () => { await logout().catch(() => {}); left(); } }, "Sign out")))),
    main);

  subscribe(({ state, event }) => {
    if (state) {
      live.className = `live ${state}`;
      show(live, WORDS[state]);
    }
    if (event || state) live.title = recent().length ? `last event at ${clock(recent()[0].time)}` : "no event yet";
  }, signal);

  const here = (hash) => links.forEach((each) => {
    const own = each.getAttribute("href");
    const is = own === "#/" ? hash === "#/" : hash.startsWith(own) || (own === "#/ports" && hash.startsWith("#/port/"));
    if (is) each.setAttribute("aria-current", "page"); else each.removeAttribute("aria-current");
  });
  return { element, main, here };
}

const ORDER = { auto: "light", light: "dark", dark: "auto" };
const SIGNS = { auto: "◐", light: "☀", dark: "☾" };

function themeButton() {
  const root = document.documentElement;
  const button = h("button.plain.theme", { type: "button", onclick: () => set(ORDER[now()]) });
  const now = () => root.dataset.theme ?? "auto";
  function set(theme) {
    if (theme === "auto") delete root.dataset.theme; else root.dataset.theme = theme;
    try {
      if (theme === "auto") localStorage.removeItem("ow-theme"); else localStorage.setItem("ow-theme", theme);
    } catch { /* private mode */ }
    said();
    document.dispatchEvent(new CustomEvent("ow:theme"));
  }
  function said() {
    show(button, SIGNS[now()]);
    button.setAttribute("aria-label", `Theme: ${now()}. Switch to ${ORDER[now()]}`);
    button.title = `Theme: ${now()}`;
  }
  said();
  return button;
}
