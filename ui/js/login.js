// The first screen: a token becomes a read-only cookie.

import { h, show } from "./dom.js";
import { curl } from "./api.js";
import { login } from "./session.js";

const WHERE = "sudo cat /var/lib/ovswarden/admin.token";

export function loginView(done, reason) {
  const wrong = h("p.problem", { role: "alert", id: "wrong", hidden: !reason }, reason ?? "");
  const token = h("input", {
    id: "token", name: "token", type: "password", required: true, autocomplete: "current-password", spellcheck: "false",
    autocapitalize: "off", "aria-describedby": "token-hint wrong", placeholder: "ow_…",
  });
  const button = h("button.primary", { type: "submit" }, "Sign in");
  const form = h("form.login.card", { onsubmit: submit, "aria-labelledby": "login-title" },
    h("h1", { id: "login-title" }, "ovswarden"),
    h("p.muted", null, "Firewall and spoof guard for Open vSwitch"),
    h("label", { for: "token" }, "Token"),
    token,
    h("p.muted.small", { id: "token-hint" }, "It is exchanged for a cookie that can read, for 12 hours, and is kept nowhere."),
    button,
    wrong,
    h("details", null, h("summary", null, "Where is my token?"),
      h("p", null, "The first start wrote the administrator's token on the controller's host:"),
      h("pre", { tabindex: "0" }, WHERE),
      h("p", null, "Everything this page shows is one curl away, for example:"),
      h("pre", { tabindex: "0" }, `T="Authorization: Bearer ow_…"\n${curl("/v1/switches")}`)));

  async function submit(event) {
    event.preventDefault();
    button.disabled = true;
    wrong.hidden = true;
    try {
      await login(token.value.trim());
      token.value = "";
      done();
    } catch (refusal) {
      wrong.hidden = false;
      show(wrong, refusal.status === 401 ? "This token is not known, or has expired." : refusal.message);
      button.disabled = false;
      token.select();
    }
  }

  queueMicrotask(() => token.focus());
  return h("main.centre", { id: "main", tabindex: "-1" }, form);
}
