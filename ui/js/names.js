// What people call the switches: events name them by datapath id.

const names = new Map();

export function learn(switches) {
  const before = names.size;
  for (const { dpid, name } of switches) if (name && name !== dpid) names.set(dpid, name);
  if (names.size > before) document.dispatchEvent(new CustomEvent("ow:names"));
}

export const switchName = (dpid) => names.get(dpid) ?? dpid;
