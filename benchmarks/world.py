"""The policy that is measured: tenants, each with one group of ten rules and some ports."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

DPID = "0000000000000001"
FIRST_OFPORT = 10
PREFIX = "vm"
Put = tuple[str, Any]


def _rule(key: str, protocol: str, low: int, high: int | None = None, **more: Any) -> dict[str, Any]:
    ports = {"port_min": low, "port_max": high or low}
    return {"key": key, "direction": "ingress", "protocol": protocol, **ports, **more}


RULES = [
    _rule("ssh", "tcp", 22, remote_cidr="10.200.0.0/16"),
    _rule("smtp", "tcp", 25),
    _rule("http", "tcp", 80),
    _rule("https", "tcp", 443),
    _rule("app", "tcp", 8000, 8099),
    _rule("postgres", "tcp", 5432, remote_cidr="10.0.0.0/8"),
    _rule("dns", "udp", 53),
    _rule("ntp", "udp", 123),
    _rule("metrics", "tcp", 9100, remote_cidr="10.200.7.0/24"),
    {"key": "ping", "direction": "ingress", "protocol": "icmp", "icmp_type": 8},
]


@dataclass(frozen=True, slots=True)
class World:
    """`ports` are spread over `tenants` evenly; port number n is on interface vm<n>."""

    ports: int
    tenants: int

    def groups(self) -> Iterator[Put]:
        for number in range(self.tenants):
            yield f"/v1/tenants/t{number}/groups/web", {"rules": RULES}

    def owners(self) -> Iterator[Put]:
        for number in range(self.tenants):
            yield f"/v1/tenants/t{number}", {}

    def all_ports(self) -> Iterator[Put]:
        return (self.port(number) for number in range(self.ports))

    def port(self, number: int) -> Put:
        body = {
            "mac": "52:54:00:" + number.to_bytes(3, "big").hex(":"),
            "addresses": [f"10.{1 + (number >> 16)}.{number >> 8 & 255}.{number & 255}"],
            "groups": ["web"],
            "binding": {"switch": DPID, "interface": f"{PREFIX}{number}"},
        }
        return f"/v1/tenants/t{number % self.tenants}/ports/p{number}", body

    def extra_rule(self, number: int) -> Put:
        rule = _rule(f"extra-{number}", "tcp", 20000 + number)
        return f"/v1/tenants/t{number % self.tenants}/groups/web/rules/extra-{number}", rule
