"""Flows as `ovs-ofctl dump-flows` writes them (ovs-ofctl(8), ovs-fields(7), ovs-actions(7)), to the letter."""

from __future__ import annotations

import socket
from collections.abc import Iterator

from app.core.flow import FULL, Action, Flow
from app.core.pipeline import IN_PORT, LOCAL, TAG, CtState

# The order in which matches are written, and the names that differ from OpenFlow's.
ORDER = (
    "ct_state", "ct_zone", "ct_mark", "ct_label", *(f"reg{n}" for n in range(16)), "metadata", "in_port",
    "vlan_vid", "eth_src", "eth_dst", "ipv4_src", "ipv4_dst", "arp_spa", "arp_tpa", "ipv6_src", "ipv6_dst", "arp_op",
    "arp_sha", "arp_tha", "nw_ttl", "ip_frag", "icmpv4_type", "icmpv4_code", "icmpv6_type", "icmpv6_code",
    "ipv6_nd_target", "ipv6_nd_sll", "ipv6_nd_tll", "tcp_src", "udp_src", "sctp_src", "tcp_dst", "udp_dst", "sctp_dst",
)  # fmt: skip
NAMES = {
    "eth_src": "dl_src", "eth_dst": "dl_dst", "ipv4_src": "nw_src", "ipv4_dst": "nw_dst", "ip_frag": "nw_frag",
    "icmpv4_type": "icmp_type", "icmpv4_code": "icmp_code", "icmpv6_type": "icmp_type", "icmpv6_code": "icmp_code",
    "ipv6_nd_target": "nd_target", "ipv6_nd_sll": "nd_sll", "ipv6_nd_tll": "nd_tll", "vlan_vid": "vlan_tci",
    **{f"{name}_{end}": f"tp_{end}" for name in ("tcp", "udp", "sctp") for end in ("src", "dst")},
}  # fmt: skip
KINDS = {
    (0x0800, None): "ip", (0x0800, 1): "icmp", (0x0800, 6): "tcp", (0x0800, 17): "udp", (0x0800, 132): "sctp",
    (0x86DD, None): "ipv6", (0x86DD, 58): "icmp6", (0x86DD, 6): "tcp6", (0x86DD, 17): "udp6", (0x86DD, 132): "sctp6",
    (0x0806, None): "arp", (0x8035, None): "rarp",
}  # fmt: skip
STATES = ((CtState.NEW, "new"), (CtState.ESTABLISHED, "est"), (CtState.RELATED, "rel"), (CtState.REPLY, "rpl"),
          (CtState.INVALID, "inv"), (CtState.TRACKED, "trk"))  # fmt: skip
FRAGMENTS = {(0, 3): "no", (1, 1): "yes", (3, 3): "later", (1, 3): "first", (0, 2): "not_later"}
PORTS = {LOCAL: "LOCAL", IN_PORT: "IN_PORT"}
MACS = ("eth_src", "eth_dst", "arp_sha", "arp_tha", "ipv6_nd_sll", "ipv6_nd_tll")
HEX = ("ct_label", "ct_mark", "metadata", "vlan_vid")
WIDTHS = {"vlan_vid": 12}  # OpenFlow's has a thirteenth bit, which moves leave alone
NXM = {"ct_label": "NXM_NX_CT_LABEL", "vlan_vid": "OXM_OF_VLAN_VID", "metadata": "OXM_OF_METADATA"}


def match(flow: Flow) -> str:
    """What a flow matches, with its priority in front."""
    fields = {name: (value, mask) for name, value, mask in flow.match}
    kind = fields.pop("eth_type", (None, 0))[0]
    protocol = fields.get("ip_proto", (None, 0))[0]
    shorthand = KINDS.get((kind, protocol)) or KINDS.get((kind, None)) if kind is not None else None
    before = [name for name in ORDER[: ORDER.index("reg0")] if name in fields]
    behind = [name for name in ORDER[ORDER.index("reg0") :] if name in fields]
    parts = [f"priority={flow.priority}", *(_field(name, *fields[name]) for name in before)]
    if shorthand:
        parts.append(shorthand)
    parts += [_field(name, *fields[name]) for name in behind if name in ORDER]
    if kind is not None and not shorthand:
        place = next((n for n, part in enumerate(parts) if part.startswith(("nw_", "tp_"))), len(parts))
        parts.insert(place, f"dl_type=0x{kind:04x}")
    if protocol is not None and (kind, protocol) not in KINDS:
        late = ("nw_ttl", "nw_frag", "icmp_", "nd_", "tp_", "arp_op", "arp_s", "arp_t")
        place = next((n for n, part in enumerate(parts) if part.startswith(late)), len(parts))
        parts.insert(place, f"nw_proto={protocol}")
    return ",".join(parts)


def actions(flow: Flow) -> str:
    return ",".join(map(_action, flow.actions)) or "drop"


def counted(flow: Flow, cookie: int, seconds: float, packets: int, octets: int) -> str:
    """A line of `ovs-ofctl dump-flows`."""
    head = f"cookie={cookie:#x}, duration={seconds:g}s, table={flow.table}, n_packets={packets}, n_bytes={octets}"
    return f"{head}, {match(flow)} actions={actions(flow)}"


def _field(name: str, value: int, mask: int) -> str:
    shown = NAMES.get(name, name)
    if name == "ct_state" and mask == FULL[name]:
        return "ct_state=" + "|".join(word for bit, word in STATES if value & bit)
    if name == "ct_state":
        return "ct_state=" + "".join(("+" if value & bit else "-") + word for bit, word in STATES if mask & bit)
    if name == "ip_frag":
        return f"nw_frag={FRAGMENTS[value & 3, mask & 3]}"
    if name == "vlan_vid":
        return _vlan(value, mask)
    if name == "in_port":
        return f"in_port={PORTS.get(value, value)}"
    masked = mask != FULL[name]
    return f"{shown}={_value(name, value, masked)}" + (f"/{_mask(name, mask)}" if masked else "")


def _vlan(value: int, mask: int) -> str:
    if mask == FULL["vlan_vid"]:
        return f"dl_vlan={value & ~TAG}" if value & TAG else f"vlan_tci=0x{value:04x}/0x1fff"
    return f"vlan_tci=0x{value:04x}/0x{mask:04x}"


def _value(name: str, value: int, masked: bool = False) -> str:
    if name in MACS:
        return value.to_bytes(6, "big").hex(":")
    if name.startswith("ipv4_") or name in ("arp_spa", "arp_tpa"):
        return socket.inet_ntop(socket.AF_INET, value.to_bytes(4, "big"))
    if name in ("ipv6_src", "ipv6_dst", "ipv6_nd_target"):
        return socket.inet_ntop(socket.AF_INET6, value.to_bytes(16, "big"))
    is_hex = name in HEX or name.startswith("reg") or (masked and name.partition("_")[0] in ("tcp", "udp", "sctp"))
    return (f"{value:#x}" if value else "0") if is_hex else str(value)


def _mask(name: str, mask: int) -> str:
    width = FULL[name].bit_length()
    is_address = name.startswith(("ipv4_", "ipv6_src", "ipv6_dst", "ipv6_nd_target", "arp_spa", "arp_tpa"))
    length = mask.bit_count()
    if is_address and mask == FULL[name] >> (width - length) << (width - length):
        return str(length)
    return _value(name, mask) if is_address or name in MACS else f"{mask:#x}"


def _action(action: Action) -> str:
    match action:
        case ("set", name, value):
            return f"set_field:{_setting(name, value)}->{_set_name(name)}"
        case ("move", source, source_offset, target, target_offset, bits):
            return f"move:{_part(source, source_offset, bits)}->{_part(target, target_offset, bits)}"
        case ("goto", table):
            return f"goto_table:{table}"
        case ("resubmit", table):
            return f"resubmit(,{table})"
        case ("resubmit_ct", table):
            return f"resubmit(,{table},ct)"
        case ("ct", zone, table, commit, inner):
            return f"ct({','.join(_ct(zone, table, commit, inner))})"
        case ("push_vlan",):
            return "push_vlan:0x8100"
        case ("output_field", name):
            return f"output:{_part(name, 0, 16)}"
        case ("output", port):
            return PORTS.get(port) or f"output:{port}"
        case ("meter", number):
            return f"meter:{number}"
    return str(action[0])


def _ct(zone: str, table: int | None, commit: bool, inner: tuple[Action, ...]) -> Iterator[str]:
    if commit:
        yield "commit"
    if table is not None:
        yield f"table={table}"
    yield f"zone={_part(zone, 0, 16)}"
    if inner:
        yield f"exec({','.join(map(_action, inner))})"


def _set_name(name: str) -> str:
    return name.replace("ipv4_", "ip_")


def _setting(name: str, value: int) -> str:
    return str(value) if name == "vlan_vid" else _value(name, value)


def _part(name: str, offset: int, bits: int) -> str:
    full = NXM.get(name) or (f"NXM_NX_{name.upper()}" if name.startswith(("reg", "ct_")) else name.upper())
    if bits == WIDTHS.get(name, FULL[name].bit_length()) and not offset:
        return f"{full}[]"
    return f"{full}[{offset}..{offset + bits - 1}]" if bits > 1 else f"{full}[{offset}]"
