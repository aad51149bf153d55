// "Why does this packet pass, or not?" - a question, and the answer in the controller's own words.

import { curl, path, query, text } from "./api.js";
import { badge, h, show, newId } from "./dom.js";
import { problem } from "./panel.js";

const PROTOCOLS = ["", "tcp", "udp", "icmp", "icmpv6", "sctp"];
const STATES = ["new", "established", "related", "invalid"];
const WITH_PORTS = ["tcp", "udp", "sctp"];

export function tracer(signal, { hint = "Choose a cell, or ask here." } = {}) {
  const fields = {
    src: h("input", { name: "src", required: true, spellcheck: "false", autocapitalize: "off", placeholder: "web-1 or ip:192.0.2.1" }),
    dst: h("input", { name: "dst", required: true, spellcheck: "false", autocapitalize: "off", placeholder: "db-1" }),
    proto: h("select", { name: "proto" }, PROTOCOLS.map((each) => h("option", { value: each }, each || "any"))),
    dport: h("input", { name: "dport", inputmode: "numeric", pattern: "[0-9]*", size: "5" }),
    ct_state: h("select", { name: "ct_state" }, STATES.map((each) => h("option", { value: each }, each))),
  };
  const askSwitch = h("input", { type: "checkbox", name: "datapath" });
  const labels = { src: "From", dst: "To", proto: "Protocol", dport: "Port", ct_state: "Connection" };
  const told = h("div.told", { "aria-live": "polite" }, h("p.empty", null, hint));
  const command = h("pre.command", { tabindex: "0", hidden: true });
  const form = h("form.ask", { onsubmit: (event) => { event.preventDefault(); extra = {}; run(); } },
    Object.entries(fields).map(([name, field]) => {
      field.id = newId(name);
      return h(`label.${name}`, { for: field.id }, labels[name], field);
    }),
    h("button.primary", { type: "submit" }, "Trace"),
    h("label.check", null, askSwitch, "ask the switch, too"));
  const element = h("div.tracer", { id: newId("tracer") }, form, told, command);
  let tenant = null;
  let extra = {}; // what the form has no field for
  let asked = 0;

  const ports = () => { fields.dport.disabled = fields.proto.value !== "" && !WITH_PORTS.includes(fields.proto.value); };
  fields.proto.addEventListener("change", ports);

  async function run() {
    const mine = ++asked;
    const said = Object.fromEntries(Object.entries(fields).map(([name, field]) => [name, field.disabled ? "" : field.value.trim()]));
    if (said.dport && !said.proto) said.proto = fields.proto.value = "tcp";
    if (said.ct_state === "new") said.ct_state = "";
    const where = path`/v1/tenants/${tenant}/trace` + query({ ...said, ...extra, datapath: askSwitch.checked ? "true" : "" });
    element.setAttribute("aria-busy", "true");
    command.hidden = false;
    show(command, curl(where, { accept: "text/plain" }));
    try {
      const answer = await text(where, signal);
      if (mine === asked) show(told, verdict(answer));
    } catch (refusal) {
      if (mine === asked && !signal.aborted) show(told, problem(refusal));
    }
    if (mine === asked) element.removeAttribute("aria-busy");
  }

  // Ask of `owner`'s network, with trace's own parameters.
  function ask(owner, question) {
    tenant = owner;
    const { src = "", dst = "", proto = "", dport = "", ...others } = question;
    Object.assign(fields.src, { value: src });
    Object.assign(fields.dst, { value: dst });
    fields.proto.value = PROTOCOLS.includes(proto) ? proto : "";
    fields.dport.value = dport ?? "";
    fields.ct_state.value = "new";
    extra = PROTOCOLS.includes(proto) ? others : { ...others, proto };
    ports();
    return run();
  }

  return {
    element, ask,
    of(owner) { tenant = owner; },
    prefill(question) { for (const [name, value] of Object.entries(question)) fields[name].value = value; },
    say(...words) { show(told, h("p.empty", null, words)); command.hidden = true; },
  };
}

function verdict(answer) {
  const lines = answer.trimEnd().split("\n");
  const [, word = "", rest = lines[0]] = lines[0].match(/^(\S+)\s+(.*)$/) ?? [];
  return [
    h("p.verdict", null, badge(word === "ALLOW" || word === "PASS" ? "good" : "bad", word), " ", rest),
    h("pre.trace", { tabindex: "0" }, lines.slice(1).join("\n").replace(/^\n+/, "")),
  ];
}
