"""Flows as people read them, with the names of the declared pipeline."""

from __future__ import annotations

import socket

from app.core.flow import FULL, Action, Flow
from app.core.pipeline import Reg, Table

NAMES = {register: name for name, register in vars(Reg).items() if name.isupper()}
VERBS = {"goto": "goto", "resubmit": "call", "resubmit_ct": "call with the original 5-tuple"}
MACS = ("eth_src", "eth_dst", "arp_sha", "arp_tha", "ipv6_nd_sll", "ipv6_nd_tll")


def flow_in_words(flow: Flow) -> str:
    """Table, priority, match and actions."""
    return f"{table_name(flow.table)} {in_table(flow)}"


def in_table(flow: Flow) -> str:
    """A flow without its table."""
    match = ",".join(_field(name, value, mask) for name, value, mask in flow.match) or "any"
    return f"{flow.priority:>4} {match} -> {', '.join(map(_action, flow.actions)) or 'drop'}"


def table_name(table: int) -> str:
    """A table by its name, or by its number if it is none of ours."""
    return Table(table).name if table in Table._value2member_map_ else f"table {table}"


def _field(name: str, value: int, mask: int) -> str:
    shown = _value(name, value)
    return f"{_name(name)}={shown}" + (f"/{mask:#x}" if mask != FULL[name] else "")


def _value(name: str, value: int) -> str:
    if name.startswith("ipv4") or name in ("arp_spa", "arp_tpa"):
        return ".".join(str(byte) for byte in value.to_bytes(4, "big"))
    if name.startswith("ipv6") and FULL[name] >> 64:
        return socket.inet_ntop(socket.AF_INET6, value.to_bytes(16, "big"))
    if name in MACS:
        return value.to_bytes(6, "big").hex(":")
    return f"{value:#x}" if name in ("eth_type", "ct_state", "ct_label", "vlan_vid") else str(value)


def _name(field: str) -> str:
    return NAMES.get(field, field)


def _action(action: Action) -> str:
    match action:
        case ("set", name, value):
            return f"{_name(name)}={value}"
        case ("move", source, _, target, offset, bits):
            part = f"[{offset}..{offset + bits - 1}]" if target == "ct_label" else ""
            return f"{_name(source)}->{_name(target)}{part}"
        case ("goto" | "resubmit" | "resubmit_ct" as kind, table):
            return f"{VERBS[kind]} {table_name(table)}"
        case ("ct", zone, table, True, inner):
            onward = "" if table is None else f" and go on in {table_name(table)}"
            return f"commit({_name(zone)}; {', '.join(map(_action, inner))}){onward}"
        case ("ct", zone, table, *_):
            return f"conntrack({_name(zone)}) and go on in {table_name(table)}"
        case ("push_vlan" | "pop_vlan" | "ct_clear" as kind,):
            return str(kind).replace("_", " ")
        case ("output_field", name):
            return f"output {_name(name)}"
        case ("output" | "meter" as kind, number):
            return f"{kind} {number}"
    return str(action[0])
