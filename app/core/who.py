"""Whom reachability is asked about: a port, the ports of a group, a network outside, or anybody."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from app.core.parsing import Invalid, parse_cidr, parse_name, parse_port_id

FORMS = "a port, group:GROUP, ip:ADDRESS, ip:NETWORK or any"


@dataclass(frozen=True, slots=True)
class End:
    """One end of connections. "network" stands for whoever has an address in it and no policy of ours; "any" for
    every address of both families.

    Written as ``web-1``, ``group:web``, ``ip:192.0.2.0/24``, ``any``; ``tenant/web-1`` is a port of another tenant.
    """

    kind: Literal["port", "group", "network", "any"]
    tenant: str = ""  # of ports and groups
    name: str = ""  # of ports and groups; of networks the canonical CIDR

    @classmethod
    def parse(cls, text: str, tenant: str, bare: Literal["port", "group"] = "port") -> End:
        """What somebody of `tenant` means by a text; what has no ``group:`` or ``port:`` before it is a `bare`.
        `Invalid` says what it should look like."""
        kind, colon, rest = text.partition(":")
        if text == "any":
            return ANY
        if colon and kind == "ip":
            return cls("network", "", parse_cidr(rest))
        kind, name = (kind, rest) if colon and kind in ("group", "port") else (bare, text)
        if kind == "group":
            return cls("group", tenant, parse_name(name))
        owner, slash, port = name.rpartition("/")
        try:
            return cls("port", parse_name(owner) if slash else tenant, parse_port_id(port))
        except Invalid:
            raise Invalid("malformed", f"{text[:80]!r} is not {FORMS}", "group:web") from None

    @property
    def is_ours(self) -> bool:
        """Whether a policy of ours has a say at this end."""
        return self.kind in ("port", "group")

    def __str__(self) -> str:
        if self.kind == "any":
            return "any"
        if self.kind == "network":
            return f"ip:{self.name}"
        if self.kind == "group":
            return f"group:{self.name}"
        return f"port:{self.name}" if self.name == "any" else self.name


ANY = End("any")
