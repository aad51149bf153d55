// Numbers and times as people read them.

const THIN = "\u202f";

export const number = (value) =>
  value === null || value === undefined ? "–" : String(Math.round(value)).replace(/\B(?=(\d{3})+$)/g, THIN);

export const percent = (ratio) => (ratio === null || ratio === undefined ? "–" : `${Math.floor(ratio * 100)}${THIN}%`);

export const plural = (count, one, many = `${one}s`) => `${number(count)} ${count === 1 ? one : many}`;

export function seconds(value) {
  if (value === null || value === undefined) return "–";
  if (value < 1) return `${Math.max(1, Math.round(value * 1000))} ms`;
  return value < 10 ? `${value.toFixed(1)} s` : `${Math.round(value)} s`;
}

export function clock(time) {
  const at = new Date(time);
  return Number.isNaN(at.getTime()) ? "–" : at.toLocaleTimeString("en-GB");
}

export function ago(time, now = Date.now()) {
  const at = Date.parse(time ?? "");
  if (Number.isNaN(at)) return "never";
  const gone = Math.max(0, Math.round((now - at) / 1000));
  if (gone < 60) return `${gone} s ago`;
  if (gone < 3600) return `${Math.floor(gone / 60)} min ago`;
  return gone < 86_400 ? `${Math.floor(gone / 3600)} h ago` : `${Math.floor(gone / 86_400)} d ago`;
}

// 7 -> "7", "arp" -> "ARP": the guards' reasons as a person says them
const REASONS = {
  mac: "MAC", ethertype: "Ethertype", arp: "ARP", ipv4: "IPv4 source", ipv6: "IPv6 source",
  nd: "Neighbour discovery", mld: "MLD", dhcp: "DHCP server", egress: "egress policy", ingress: "ingress policy",
};
export const reason = (word) => REASONS[word] ?? word;
