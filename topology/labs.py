"""Labs as values: who is attached where, and which traffic must pass. Nothing here touches the machine."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address
from typing import Literal

ODD_PORT = 4711  # a port no host of any lab serves: "everything" and "anything else" are probed on it
Family = Literal[4, 6]


@dataclass(frozen=True, slots=True)
class Probe:
    """One concrete kind of traffic: `tcp/PORT`, `udp/PORT` (request and reply) or `icmp` (echo)."""

    kind: str
    port: int | None = None

    def __post_init__(self) -> None:
        if self.kind not in ("tcp", "udp", "icmp") or (self.kind == "icmp") is not (self.port is None):
            raise ValueError(f"not a probe: {self.kind}/{self.port}")

    def __str__(self) -> str:
        return self.kind if self.port is None else f"{self.kind}/{self.port}"

    @classmethod
    def parse(cls, text: str) -> Probe:
        kind, _, port = text.partition("/")
        return cls(kind, int(port) if port else None)


@dataclass(frozen=True, slots=True)
class Host:
    """A machine on one switch port. `tenant=None` is an outside host; its port is an uplink.

    `interface` is the switch end of its veth pair (default: the host's name); `ofport` is requested from the
    switch. `vlan` is the segment of a tenant's machine. A host with a `trunk` shares that host's wire: its frames
    have the VLAN `tag` there, and it sees none itself. One with a `machine` is a further NIC of that host.
    """

    name: str
    mac: str
    address: str
    prefix: int = 24
    tenant: str | None = None
    groups: tuple[str, ...] = ()
    interface: str = ""
    ofport: int | None = None
    address6: str | None = None
    prefix6: int = 64
    vlan: int = 0
    trunk: str = ""
    tag: int = 0
    machine: str = ""

    def __post_init__(self) -> None:
        object.__setattr__(self, "interface", self.interface or self.name)
        object.__setattr__(self, "groups", tuple(self.groups))
        IPv4Address(self.address)
        IPv6Address(self.address6 or "::1")
        if bool(self.trunk) is not bool(self.tag):
            raise ValueError(f"host {self.name}: a trunk and a tag come together")
        if not re.fullmatch(r"([0-9a-f]{2}:){5}[0-9a-f]{2}", self.mac):
            raise ValueError(f"host {self.name}: MAC {self.mac!r} is not lower-case aa:bb:cc:dd:ee:ff")
        if not 1 <= len(self.interface) <= 15:
            raise ValueError(f"host {self.name}: interface {self.interface!r} does not fit Linux's 15 bytes")

    def ip(self, family: Family = 4) -> str:
        """Its address of that family. Raises ValueError when it has none."""
        if family == 6 and self.address6 is None:
            raise ValueError(f"host {self.name} has no IPv6 address")
        return self.address if family == 4 else str(self.address6)

    @property
    def link_local(self) -> str:
        """What Linux makes of its MAC (RFC 4291, appendix A)."""
        octets = bytes.fromhex(self.mac.replace(":", ""))
        identifier = bytes((octets[0] ^ 2, *octets[1:3])) + b"\xff\xfe" + octets[3:]
        return str(IPv6Address(b"\xfe\x80" + bytes(6) + identifier))


@dataclass(frozen=True, slots=True)
class Expect:
    """One row of a reachability matrix: all of `probes` pass from source to target, or none of them."""

    source: str
    target: str
    traffic: str
    passes: bool
    probes: tuple[Probe, ...]


@dataclass(frozen=True, slots=True)
class Lab:
    """Hosts on one bridge, the interfaces that are uplinks, and the reachability that must hold."""

    name: str
    hosts: tuple[Host, ...]
    uplinks: tuple[str, ...]
    expectation: tuple[Expect, ...] = ()

    def __post_init__(self) -> None:
        outside = {host.interface for host in self.hosts if host.tenant is None and not host.trunk}
        if outside != set(self.uplinks):
            raise ValueError(f"lab {self.name}: uplinks {self.uplinks} are not the outside hosts' {sorted(outside)}")
        names = {host.name for host in self.hosts}
        if len(names) != len(self.hosts):
            raise ValueError(f"lab {self.name}: two hosts share a name")
        unknown = {end for row in self.expectation for end in (row.source, row.target)} - names
        if unknown:
            raise ValueError(f"lab {self.name}: the expectation names unknown hosts {sorted(unknown)}")
        before: set[str] = {""}
        for host in self.hosts:
            if not {host.trunk, host.machine} <= before:
                raise ValueError(f"lab {self.name}: {host.name} stands before its trunk or machine")
            before.add(host.name)

    def host(self, name: str) -> Host:
        """The host of that name. Raises KeyError."""
        for host in self.hosts:
            if host.name == name:
                return host
        raise KeyError(f"lab {self.name} has no host {name!r}")

    @property
    def tenants(self) -> tuple[str, ...]:
        """Tenant names in the order of their first host."""
        return tuple(dict.fromkeys(host.tenant for host in self.hosts if host.tenant is not None))

    def ports(self) -> Iterator[Host]:
        """The hosts that are tenants' machines, i.e. what the firewall is told about."""
        return (host for host in self.hosts if host.tenant is not None)


def expectation(text: str) -> tuple[Expect, ...]:
    """Rows from lines `SOURCE -> TARGET  TRAFFIC  +|.`; `#` starts a comment.

    TRAFFIC is a probe (`tcp/80`), `everything`, or `anything else`: everything but what another row of the
    same pair names, among it the services that other rows of the text grant between other pairs.
    """
    rows = [_split(line) for raw in text.splitlines() if (line := raw.partition("#")[0].strip())]
    services = tuple(dict.fromkeys(row[2] for row in rows if "/" in row[2]))
    return tuple(
        Expect(source, target, traffic, sign == "+", _probes(rows, source, target, traffic, services))
        for source, target, traffic, sign in rows
    )


def _split(line: str) -> tuple[str, str, str, str]:
    match = re.fullmatch(r"(\S+)\s*->\s*(\S+)\s+(.+?)\s+([+.])", line)
    if match is None:
        raise ValueError(f"not a row of a matrix: {line!r}")
    source, target, traffic, sign = match.groups()
    return source, target, traffic, sign


def _probes(rows, source: str, target: str, traffic: str, services: tuple[str, ...]) -> tuple[Probe, ...]:
    everything = (Probe("tcp", ODD_PORT), Probe("udp", ODD_PORT), Probe("icmp"))
    if traffic == "everything":
        return everything
    if traffic != "anything else":
        return (Probe.parse(traffic),)
    named_here = {row[2] for row in rows if row[:2] == (source, target)}
    others = tuple(Probe.parse(service) for service in services if service not in named_here)
    # the granted port over the other protocol: a rule that forgot to match the protocol shows here
    flipped = tuple(
        Probe("udp" if probe.kind == "tcp" else "tcp", probe.port)
        for probe in (Probe.parse(text) for text in sorted(named_here) if "/" in text)
    )
    return others + flipped + everything


SEED = Lab(
    name="seed",
    hosts=(
        Host("ext", "52:54:00:e0:00:fe", "192.168.0.254", ofport=1, address6="fd00::fe"),
        Host("vm1", "52:54:00:60:84:ff", "192.168.0.1", tenant="red", groups=("ssh",), ofport=2, address6="fd00::1"),
        Host("vm2", "52:54:00:99:90:78", "192.168.0.2", tenant="blue", groups=("web",), ofport=3, address6="fd00::2"),
    ),
    uplinks=("ext",),
    expectation=expectation(
        """
        vm1 -> ext   everything      +
        vm1 -> vm2   tcp/80          +
        vm1 -> vm2   anything else   .
        vm2 -> ext   everything      +
        vm2 -> vm1   tcp/22          +
        vm2 -> vm1   anything else   .
        ext -> vm1   tcp/22          +
        ext -> vm1   anything else   .
        ext -> vm2   tcp/80          +
        ext -> vm2   anything else   .
        """
    ),
)


def generated(tenants: int, ports_per_tenant: int) -> Lab:
    """A lab of `tenants` x `ports_per_tenant` machines `tT-P` in 10.0.0.0/8, and the outside host `ext`.

    Deterministic: the same numbers give an equal lab. Every machine is in its tenant's group `web` (TCP 80
    from anywhere). The expectation covers the first two ports of the first two tenants, so it stays small
    however large the lab is.
    """
    if tenants < 1 or ports_per_tenant < 1 or tenants * ports_per_tenant > 60_000:
        raise ValueError("between 1 and 60000 ports in at least one tenant")
    outside = Host("ext", "52:54:00:e0:00:fe", "10.255.255.254", prefix=8, ofport=1)
    machines = tuple(
        _machine(tenant, port, 2 + tenant * ports_per_tenant + port)
        for tenant in range(tenants)
        for port in range(ports_per_tenant)
    )
    sample = [f"t{t}-{p}" for t in range(min(tenants, 2)) for p in range(min(ports_per_tenant, 2))]
    return Lab(f"{tenants}x{ports_per_tenant}", (outside, *machines), ("ext",), expectation(_sample_matrix(sample)))


def _machine(tenant: int, port: int, ofport: int) -> Host:
    address = str(IPv4Address("10.0.0.0") + ofport)
    mac = f"52:54:01:{ofport >> 16:02x}:{ofport >> 8 & 255:02x}:{ofport & 255:02x}"
    return Host(f"t{tenant}-{port}", mac, address, 8, f"tenant{tenant}", ("web",), ofport=ofport)


def _sample_matrix(names: list[str]) -> str:
    rows = [f"{name} -> ext everything +" for name in names]
    for source in ("ext", *names):
        rows += [
            row
            for target in names
            if target != source
            for row in (f"{source} -> {target} tcp/80 +", f"{source} -> {target} anything else .")
        ]
    return "\n".join(rows)


def named(text: str) -> Lab:
    """`seed`, or `TxM` for `generated(T, M)`. Raises ValueError."""
    if text == "seed":
        return SEED
    if match := re.fullmatch(r"(\d+)x(\d+)", text):
        return generated(int(match[1]), int(match[2]))
    raise ValueError(f"no lab {text!r}: 'seed' or TENANTSxPORTS, e.g. 2x3")
