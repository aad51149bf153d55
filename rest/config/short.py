"""The short forms of a declared configuration made long, with the way back from each long member to what was written.

``{in: tcp/8080, from: group:web}`` is a rule; a list of networks is an address group; ``switch`` and ``interface``
beside a port's other members are its binding.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from rest.problems import Fault
from rest.schemas.resources import BindingBody
from rest.validation import fields_of, pointer

Place = tuple[str | int, ...]
PORTS = re.compile(r"(\d{1,5})(?:-(\d{1,5}))?")
ICMP = re.compile(r"(\d{1,3})(?:/(\d{1,3}))?")
ICMP_NAMES = ("icmp", "icmpv6", "ipv6-icmp", "1", "58")
# What the two short members stand for, and so what must not stand beside them.
WHAT = ("direction", "protocol", "port_min", "port_max", "icmp_type", "icmp_code")
REMOTES = {"group": "remote_group", "addr": "remote_address_group"}
WHOM = ("remote_cidr", *REMOTES.values())
BINDING = fields_of(BindingBody)
FORM = "any, PROTOCOL, tcp/PORT, tcp/PORT-PORT, icmp/TYPE or icmp/TYPE/CODE"


class Long(NamedTuple):
    """The long form; what is wrong with the short one; and from a long member's place to the place as written."""

    document: Any
    faults: tuple[Fault, ...] = ()
    back: Callable[[Place], Place] = lambda place: place


def rules(given: Any, place: Place) -> Long:
    """Rules under their keys, or a list with a `key` each, as the list that the API knows."""
    if isinstance(given, list):
        found = [(n, rule(item, (*place, n))) for n, item in enumerate(given)]
        named = [long.document for _, long in found]
    elif isinstance(given, dict):
        found = [(key, rule(item, (*place, key))) for key, item in given.items()]
        named = [
            long.document | {"key": key} if isinstance(long.document, dict) else long.document for key, long in found
        ]
    else:
        return Long(given)
    faults = [fault for _, long in found for fault in long.faults]
    if isinstance(given, dict):
        faults += [
            Fault(pointer((*place, key, "key")), "path_mismatch", f"the rule stands under {key}", str(key))
            for key, item in given.items()
            if isinstance(item, dict) and item.get("key", key) != key
        ]

    def back(inner: Place) -> Place:
        n = inner[0] if inner else None
        if not isinstance(n, int) or n >= len(found):
            return inner
        key, long = found[n]
        rest = long.back(inner[1:])
        return (key,) if rest == ("key",) and isinstance(given, dict) else (key, *rest)

    return Long(named, tuple(faults), back)


def rule(given: Any, place: Place) -> Long:
    """One rule; one without `in` and `out` is long already."""
    if not isinstance(given, dict) or not given.keys() & {"in", "out", "from", "to"}:
        return Long(given)
    faults = list(_clashes(given, place))
    way, end = ("in", "from") if "in" in given else ("out", "to")
    long = {name: value for name, value in given.items() if name not in ("in", "out", "from", "to")}
    if way in given:
        long |= {"direction": "ingress" if way == "in" else "egress"}
        try:
            long |= _what(given[way])
        except ValueError as error:
            faults.append(Fault(pointer((*place, way)), "malformed", str(error), "tcp/8080"))
    if end in given:
        long |= _whom(given[end])
    written = (dict.fromkeys(WHAT, way) if way in given else {}) | (dict.fromkeys(WHOM, end) if end in given else {})

    def back(inner: Place) -> Place:
        return (written[str(inner[0])],) if inner and inner[0] in written else inner

    return Long(long, tuple(faults), back)


def _clashes(given: dict[str, Any], place: Place) -> Iterator[Fault]:
    if "in" in given and "out" in given:
        yield Fault(pointer((*place, "out")), "contradiction", "a rule has one direction: in or out")
    if "in" not in given and "out" not in given:
        yield Fault(pointer(place), "missing_field", "from and to go with in and out", "in")
    for way, wrong, right in (("in", "to", "from"), ("out", "from", "to")):
        if way in given and wrong in given:
            yield Fault(pointer((*place, wrong)), "contradiction", f"{way} goes with {right}", right)
    for name in (*WHAT, *(WHOM if given.keys() & {"from", "to"} else ())):
        if name in given:
            yield Fault(pointer((*place, name)), "contradiction", "said in the short form already")


def _what(text: Any) -> dict[str, Any]:
    """`ValueError` says what it should look like."""
    if isinstance(text, int) and not isinstance(text, bool):
        return {"protocol": text}
    if not isinstance(text, str) or len(text) > 64:
        raise ValueError(f"should be {FORM}")
    name, slash, numbers = text.partition("/")
    if not slash:
        return {"protocol": int(name) if name.isdecimal() else name}
    is_icmp = name.lower() in ICMP_NAMES
    found = (ICMP if is_icmp else PORTS).fullmatch(numbers)
    if not found:
        raise ValueError(f"{text!r} should be {FORM}")
    low, high = (None if number is None else int(number) for number in found.groups())
    names = ("icmp_type", "icmp_code") if is_icmp else ("port_min", "port_max")
    return {"protocol": name} | {
        key: number for key, number in zip(names, (low, high), strict=True) if number is not None
    }


def _whom(text: Any) -> dict[str, Any]:
    if text is None or text == "any":
        return {}
    kind, colon, name = text.partition(":") if isinstance(text, str) else ("", "", "")
    return {REMOTES[kind]: name} if colon and kind in REMOTES else {"remote_cidr": text}


OTHER_NAMES = {"proto": "protocol", "dport": "port"}


def assertions(given: Any) -> Long:
    """A list; `proto` and `dport` as in traces."""
    if not isinstance(given, list):
        return Long(given)
    names = [{OTHER_NAMES.get(name, name): name for name in item} if isinstance(item, dict) else {} for item in given]
    long = [
        {OTHER_NAMES.get(name, name): value for name, value in item.items()} if isinstance(item, dict) else item
        for item in given
    ]

    def back(inner: Place) -> Place:
        n = inner[0] if inner else None
        if not isinstance(n, int) or n >= len(names) or len(inner) < 2:
            return inner
        return (n, names[n].get(inner[1], inner[1]), *inner[2:])

    return Long(long, (), back)


def group(given: Any, place: Place) -> Long:
    if not isinstance(given, dict) or "rules" not in given:
        return Long(given)
    long = rules(given["rules"], (*place, "rules"))

    def back(inner: Place) -> Place:
        return ("rules", *long.back(inner[1:])) if inner[:1] == ("rules",) else inner

    return Long(given | {"rules": long.document}, long.faults, back)


def address_group(given: Any, place: Place) -> Long:
    if not isinstance(given, list):
        return Long(given)
    return Long({"cidrs": given}, (), lambda inner: inner[1:] if inner[:1] == ("cidrs",) else inner)


def port(given: Any, place: Place) -> Long:
    if not isinstance(given, dict) or not given.keys() & set(BINDING):
        return Long(given)
    plain = {name: value for name, value in given.items() if name not in BINDING}
    binding = {name: given[name] for name in BINDING if name in given}
    if "binding" in given:
        fault = Fault(pointer((*place, next(iter(binding)))), "contradiction", "there is a binding already")
        return Long(plain, (fault,))
    return Long(
        plain | {"binding": binding}, (), lambda inner: inner[1:] if inner[:1] == ("binding",) and inner[1:] else inner
    )
