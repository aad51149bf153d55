// The words of a reachability cell: what to show in little room, and what to ask trace for.

const WORD = /^!?(ipv6 )?([a-z0-9]+)(?:\/(\d+)(?:-(\d+))?)?(?: from (\d+))?/;
const PORTS = new Set(["tcp", "udp", "sctp", "udplite", "dccp"]);

// "-", "*" or a list of words, always as a list of words
export const words = (cell) => (cell === "-" || cell === null ? [] : cell === "*" ? ["*"] : [cell].flat());

// What fits, the families put together: 80 443, 5432 +3
export function brief(cell) {
  const said = [...new Set(words(cell).map((word) => word.replace(/^ipv6 /, "").replace(/^tcp\//, "")))];
  if (said.length === 1 && said[0] === "*") return "all";
  const whole = said.join(" ");
  return said.length > 1 && whole.length > 8 ? `${said[0]} +${said.length - 1}` : whole;
}

export const spoken = (cell) => {
  const said = words(cell);
  return said.length === 0 ? "nothing" : said[0] === "*" ? "everything" : said.join(", ");
};

// The first packet that the cell is about, as trace's parameters. A whole range is asked about by its first port.
export function sample(cell) {
  const found = words(cell).map((word) => !word.startsWith("!") && word.match(WORD)).find(Boolean);
  if (!found) return {};
  const [, , protocol, low, , source] = found;
  if (/^ipv[46]$/.test(protocol)) return {};
  if (protocol === "icmp" || protocol === "icmpv6") return { proto: protocol, icmp_type: low };
  return PORTS.has(protocol) ? { proto: protocol, dport: low, sport: source } : { proto: protocol };
}
