"""What the members of a body say against each other, found whatever else is wrong with them.

A schema looks at each member alone and stops short of comparing when one is wrong; a client wants all at once.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from app.core.parsing import Invalid, parse_protocol
from app.core.values import Rule
from rest.validation import Place

RULES_MAX = 1000
# The member that is to blame when the core says a rule contradicts itself.
BLAMED = {"ports_without_protocol": "port_min", "range_reversed": "port_max", "icmp_without_protocol": "icmp_type"}
Contradiction = tuple[Place, str, str, str | None]


def in_rule(raw: Any, place: Place = ()) -> Iterator[Contradiction]:
    """What the fields of a rule say against each other, as far as they can be read."""
    if not isinstance(raw, dict):
        return
    low, high, icmp_type, icmp_code = (raw.get(m) for m in ("port_min", "port_max", "icmp_type", "icmp_code"))
    if low is None and high is not None:
        yield (*place, "port_min"), "missing_field", "port_max needs a port_min", None
    parts: list[dict[str, Any]] = []
    if type(low) is int and (high is None or type(high) is int):
        parts.append({"ports": (low, low if high is None else high)})
    if all(n is None or type(n) is int for n in (icmp_type, icmp_code)):
        parts.append({"icmp_type": icmp_type, "icmp_code": icmp_code})
    protocol = raw.get("protocol", "any")
    if type(protocol) not in (str, int) or len(str(protocol)) > 64:
        return
    try:
        protocol = parse_protocol(protocol)
    except Invalid:
        return
    for part in parts:
        try:
            Rule("r", "ingress", protocol=protocol, **part)
        except Invalid as error:
            if error.code != "out_of_range":  # the field itself has said so
                yield (*place, BLAMED.get(error.code, "icmp_code")), error.code, error.detail, error.hint


def in_rules(raw: Any, place: Place = ()) -> Iterator[Contradiction]:
    if not isinstance(raw, list) or len(raw) > RULES_MAX:
        return
    seen: set[str] = set()
    for n, rule in enumerate(raw):
        yield from in_rule(rule, (*place, n))
        key = rule.get("key") if isinstance(rule, dict) else None
        if isinstance(key, str) and key in seen:
            yield (*place, n, "key"), "duplicate_key", f"an earlier rule has the key {key[:64]}", None
        elif isinstance(key, str):
            seen.add(key)


def in_group(raw: Any) -> Iterator[Contradiction]:
    return in_rules(raw.get("rules") if isinstance(raw, dict) else None, ("rules",))


def in_port(raw: Any) -> Iterator[Contradiction]:
    binding = raw.get("binding") if isinstance(raw, dict) else None
    if isinstance(binding, dict) and (binding.get("interface") is None) == (binding.get("ofport") is None):
        yield ("binding",), "invalid_binding", "a binding names either an interface or an ofport", None
