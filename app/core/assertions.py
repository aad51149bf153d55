"""Assertions: what a tenant wants to stay true about who reaches whom. Pure values; `reach.assertions` judges them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from app.core.parsing import PORT_PROTOCOLS, Family, Invalid, family_of, parse_name, protocol_name
from app.core.rules import ICMP_OF
from app.core.who import End

MOST_ASSERTIONS = 100  # of a tenant: they are judged again whenever it changes its rules or ports
Expected = Literal["allow", "deny"]
Ethertype = Literal["any", "IPv4", "IPv6"]


def parse_end(text: str) -> str:
    """One end of an assertion, canonical: ``web-1``, ``group:web``, ``ip:192.0.2.0/24``, ``any``."""
    end = End.parse(text, "")
    if end.is_ours and end.tenant:
        raise Invalid("another_tenant", f"{end.tenant}/{end.name} is not a port of this tenant", end.name)
    return str(end)


@dataclass(frozen=True, slots=True)
class Assertion:
    """Some traffic from one end to another is allowed, or denied. Ends are written as `End` is: a port or a group of
    the tenant, ``ip:NETWORK`` or ``any``.

    "deny": no port or address of `source` may open it to any of `target`, in neither family.
    "allow": every port of `source`, every address of its network, may open it to each of `target`, from whatever source
    port; in the family that is said, or in one at least that both have.
    """

    source: str
    target: str
    expect: Expected
    protocol: int | None = None
    port: int | None = None
    ethertype: Ethertype = "any"
    description: str = ""

    def __post_init__(self) -> None:
        for text in (self.source, self.target):
            if parse_end(text) != text:
                raise Invalid("not_canonical", f"{text} is not canonical", parse_end(text))
        if self.expect not in ("allow", "deny"):
            raise Invalid("invalid_expectation", f"{self.expect!r} is neither allow nor deny")
        if self.protocol is not None and not 0 <= self.protocol <= 255:
            raise Invalid("out_of_range", f"protocol {self.protocol} is not in 0..255")
        if self.port is not None and self.protocol not in PORT_PROTOCOLS:
            name = protocol_name(self.protocol)
            raise Invalid("ports_without_protocol", f"protocol {name} has no ports", "tcp, udp or sctp")
        if self.port is not None and not 0 <= self.port <= 65535:
            raise Invalid("out_of_range", f"port {self.port} is not in 0..65535")
        self._check_ends()

    @property
    def families(self) -> frozenset[Family]:
        """Those that it can be about."""
        said = {family_of(end.name) for end in self._ends() if end.kind == "network"}
        said |= {self.ethertype} if self.ethertype != "any" else set()
        said |= {family for family, protocol in ICMP_OF.items() if protocol == self.protocol}
        if len(said) > 1:
            raise Invalid("family_mismatch", "addresses, protocol and ethertype are not of one family")
        return frozenset(said or ICMP_OF)

    def ends(self, tenant: str) -> tuple[End, End]:
        return End.parse(self.source, tenant), End.parse(self.target, tenant)

    def _ends(self) -> tuple[End, End]:
        return self.ends("")

    def _check_ends(self) -> None:
        if not any(end.is_ours for end in self._ends()):
            raise Invalid("nobody_of_ours", "one end has to be a port or a group", "group:web")
        _ = self.families


@dataclass(frozen=True, slots=True)
class Assertions:
    """All assertions of a tenant, in its own order."""

    tenant: str
    items: tuple[Assertion, ...] = ()

    def __post_init__(self) -> None:
        parse_name(self.tenant)
        if len(self.items) > MOST_ASSERTIONS:
            raise Invalid("too_long", f"a tenant has at most {MOST_ASSERTIONS} assertions")

    @property
    def id(self) -> tuple[str, ...]:
        return (self.tenant,)
