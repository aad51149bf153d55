"""What the members of a body say against each other, found whatever else is wrong with them.

A schema looks at each member alone and stops short of comparing when one is wrong; a client wants all at once.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from app.core.limits import BURST_WITHOUT_RATE
from app.core.parsing import ICMP, ICMPV6, Family, Invalid, family_of, parse_cidr, parse_protocol
from app.core.ports import BINDING_NAMES, NO_SWITCH, SWITCH_OF_IFACE_ID
from app.core.values import Rule
from rest.validation import Place

RULES_MAX = 1000
CIDRS_MAX = 1000
TEXT_MAX = 256
FAMILIES: tuple[Family, ...] = ("IPv4", "IPv6")
PLUGS = ("interface", "ofport", "iface_id")
REMOTES = ("remote_cidr", "remote_group", "remote_address_group")
# The member that is to blame when the core says a rule contradicts itself.
BLAMED = {
    "ports": {"ports_without_protocol": "port_min", "range_reversed": "port_max"},
    "source_ports": {"ports_without_protocol": "source_port_min", "range_reversed": "source_port_max"},
    "icmp": {"icmp_without_protocol": "icmp_type", "code_without_type": "icmp_code"},
    "protocol": {"family_mismatch": "protocol"},
}
Contradiction = tuple[Place, str, str, str | None]


def family_meant(cidr: str | None, protocol: int | None) -> Family:
    """The family of a rule that does not say: that of its network, IPv6 for ICMPv6, else IPv4."""
    if cidr is not None:
        return family_of(cidr)
    return "IPv6" if protocol == ICMPV6 else "IPv4"


def in_rule(raw: Any, place: Place = ()) -> Iterator[Contradiction]:
    """What the fields of a rule say against each other, as far as they can be read."""
    if not isinstance(raw, dict):
        return
    for high in ("port_max", "source_port_max"):
        low = high.replace("max", "min")
        if raw.get(low) is None and raw.get(high) is not None:
            yield (*place, low), "missing_field", f"{high} needs a {low}", None
    for more in [member for member in REMOTES if raw.get(member) is not None][1:]:
        detail = "a rule has one remote: a CIDR, a group or an address group"
        yield (*place, more), "several_remotes", detail, None
    network = _network(raw.get("remote_cidr"))
    if network and raw.get("ethertype") in FAMILIES and raw["ethertype"] != family_of(network):
        detail = f"{network} is not {raw['ethertype']}"
        yield (*place, "ethertype"), "family_mismatch", detail, family_of(network)
    for member, error in _refused(raw, network):
        yield (*place, member), error.code, error.detail, error.hint


def _network(text: Any) -> str | None:
    try:
        return parse_cidr(text) if isinstance(text, str) and len(text) <= TEXT_MAX else None
    except Invalid:
        return None


def _refused(raw: dict[str, Any], network: str | None) -> Iterator[tuple[str, Invalid]]:
    """What the core refuses of the members that depend on the protocol, each with the member to blame."""
    protocol = raw.get("protocol", "any")
    if type(protocol) not in (str, int) or len(str(protocol)) > 64:
        return
    try:
        number = parse_protocol(protocol)
    except Invalid:
        return
    said = raw.get("ethertype")
    family = family_meant(network, number) if network or said not in FAMILIES else said
    # Whether family and protocol agree is told once, by the part that is about nothing else.
    fitting: Any = {ICMP: "IPv4", ICMPV6: "IPv6"}.get(number or 0, family)
    for name, part in _parts(raw, family):
        try:
            Rule("r", "ingress", protocol=number, **{"ethertype": fitting, **part})
        except Invalid as error:
            if error.code != "out_of_range":  # the field itself has said so
                yield BLAMED[name].get(error.code, name), error


def _parts(raw: dict[str, Any], family: Family) -> Iterator[tuple[str, dict[str, Any]]]:
    """The parts of a rule that can be judged one by one, if their members can be read."""
    yield "protocol", {"ethertype": family}
    for name in ("port", "source_port"):
        low, high = raw.get(f"{name}_min"), raw.get(f"{name}_max")
        if type(low) is int and (high is None or type(high) is int):
            yield f"{name}s", {f"{name}s": (low, low if high is None else high)}
    types = {name: raw.get(name) for name in ("icmp_type", "icmp_code")}
    if all(n is None or type(n) is int for n in types.values()):
        yield "icmp", types


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
    if not isinstance(binding, dict):
        return
    if sum(binding.get(plug) is not None for plug in PLUGS) != 1:
        yield ("binding",), "invalid_binding", BINDING_NAMES, None
    has_switch, has_iface_id = (binding.get(name) is not None for name in ("switch", "iface_id"))
    if has_switch and has_iface_id:
        yield ("binding", "switch"), "invalid_binding", SWITCH_OF_IFACE_ID, None
    if not has_switch and not has_iface_id:
        yield ("binding", "switch"), "missing_field", NO_SWITCH, None


def in_tenant(raw: Any) -> Iterator[Contradiction]:
    """A burst of no rate. Where the rate is left to the setting, that may give one at any time."""
    limits = raw.get("limits") if isinstance(raw, dict) else None
    if not isinstance(limits, dict):
        return
    rate, burst = limits.get("new_connections_per_second"), limits.get("new_connections_burst")
    if type(rate) is int and rate == 0 and type(burst) is int and burst > 0:
        yield ("limits", "new_connections_burst"), "burst_without_rate", BURST_WITHOUT_RATE, None


def in_update(raw: Any) -> Iterator[Contradiction]:
    """Networks that are to be added and removed at once."""
    add, remove = (raw.get(name) for name in ("add", "remove")) if isinstance(raw, dict) else (None, None)
    if not isinstance(add, list) or not isinstance(remove, list) or len(add) + len(remove) > 2 * CIDRS_MAX:
        return
    added = {_network(text) for text in add} - {None}
    for n, text in enumerate(remove):
        if (network := _network(text)) in added:
            yield ("remove", n), "added_and_removed", f"{network} is to be added too", None
