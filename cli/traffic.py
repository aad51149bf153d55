"""Rules and matrices in words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

NAMED = 12  # ends that a line names


def traffic(rule: Mapping[str, Any]) -> str:
    """``tcp/22``, ``udp/5000-5010``, ``icmp/8``, ``ipv6 tcp/443``, ``any``."""
    low, high = rule.get("port_min"), rule.get("port_max")
    text = str(rule.get("protocol") or "any")
    if low is not None:
        text += f"/{low}" if high in (None, low) else f"/{low}-{high}"
    elif rule.get("icmp_type") is not None:
        code = rule.get("icmp_code")
        text += f"/{rule['icmp_type']}" + (f".{code}" if code is not None else "")
    if (first := rule.get("source_port_min")) is not None:
        last = rule.get("source_port_max")
        text += f" from {first}" + (f"-{last}" if last not in (None, first) else "")
    return f"ipv6 {text}" if rule.get("ethertype") == "IPv6" else text


def remote(rule: Mapping[str, Any]) -> str:
    for kind in ("group", "address_group"):
        if rule.get(f"remote_{kind}"):
            return f"{kind.replace('_', ' ')} {rule[f'remote_{kind}']}"
    return str(rule.get("remote_cidr") or "anybody")


def words(cell: str | Sequence[str], is_partial: bool = False) -> str:
    """A cell of a matrix. ``~``: true of some members only."""
    text = cell if isinstance(cell, str) else ", ".join(cell)
    return f"~{text}" if is_partial else text


def ways(found: Mapping[str, Any]) -> list[dict[str, Any]]:
    """A matrix as lines: from whom, what, to whom. Ends with the same traffic share a line; nothing is left out."""
    partial = {tuple(place) for place in found["partial"]}
    lines: dict[tuple[str, str], list[str]] = {}
    for r, row in enumerate(found["rows"]):
        for c, column in enumerate(found["cols"]):
            cell = found["cells"][r][c]
            if cell != "-":
                text = words(cell, (r, c) in partial)
                lines.setdefault((row, text), []).append(column)
    merged: dict[tuple[str, tuple[str, ...]], list[str]] = {}
    for (row, text), columns in lines.items():
        merged.setdefault((text, tuple(columns)), []).append(row)
    return [{"from": rows, "traffic": text, "to": list(columns)} for (text, columns), rows in merged.items()]


def some(names: Sequence[str]) -> str:
    """The first of them, and how many more there are."""
    more = len(names) - NAMED
    return ", ".join(names[:NAMED]) + (f" and {more} more" if more > 0 else "")
