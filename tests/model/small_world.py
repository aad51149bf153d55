"""The values of a small world, chosen to collide: few names, overlapping networks, claims on one switch port, the same
MACs and addresses in two segments."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import strategies as st

from app.core.limits import Limits, Rate
from app.core.parsing import Invalid
from app.core.values import AddressGroup, AddressPair, Binding, Group, Guardrail, Port, Rule, Switch, Tenant, Value
from tests.model.frames import GRE, ICMP, ICMPV6, SCTP, TCP, UDP

DPID, OTHER_DPID, NAME = "0000000000000001", "0000000000000002", "edge"
DEFAULT_UPLINKS = ("ext0",)
DEFAULT_RATE = Rate(7, 9)  # new connections of ports whose tenant does not say
LISTED = 0x88CC  # an ethertype that the operator lets pass by MAC
TENANTS = ("red", "blue", "green")
GROUPS = ("a", "b")
ADDRESS_GROUPS = ("x", "y")
KEYS = ("k1", "k2", "k3", "k4")
INTERFACES = ("v1", "v2", "v3", "v4", "ext0", "ext1")
OFPORTS = (1, 2, 3, 4, 5, 127, 128)  # the last two lie in different chunks of the copy list
BR0 = "br0"
VLANS = (0, 0, 0, 5, 6)
TAGS = (5, 7)

VM_MACS = tuple(f"52:54:00:00:00:0{n}" for n in range(1, 5))
VIRTUAL_MACS = ("00:00:5e:00:01:01", "00:00:5e:00:01:02")
OUTSIDE_MACS = ("02:00:00:00:00:01", "02:00:00:00:00:02")
LOCAL_MAC = "02:00:00:00:00:fe"
VM_ADDRESSES = tuple(f"10.0.0.{n}" for n in range(1, 7))
VM_ADDRESSES_6 = tuple(f"fd00::{n}" for n in range(1, 7))
OUTSIDE_ADDRESSES = ("10.0.0.9", "10.1.0.1")
OUTSIDE_ADDRESSES_6 = ("fd00::9", "fe80::ff:fe00:1")
CIDRS = {
    "IPv4": ("0.0.0.0/0", "10.0.0.0/8", "10.0.0.0/30", "10.0.0.2/31", "10.0.0.9/32"),
    "IPv6": ("::/0", "fd00::/16", "fd00::/126", "fd00::2/127", "fe80::/10", "fd00::9/128"),
}
PAIR_ADDRESSES = (
    "10.0.0.6", "10.0.0.2", "10.0.0.4/31", "10.0.0.4/30", "10.0.0.0/29", "0.0.0.0/0",
    "fd00::6", "fd00::2", "fd00::4/127", "fd00::/125", "::/0",
)  # fmt: skip

NUMBERS = (22, 23, 24, 67, 68, 80, 546, 547, 40000, 65535, 0)
RANGES = ((22, 22), (22, 23), (20, 24), (23, 80), (0, 22), (0, 65535), (24, 65535), (40000, 40000), (0, 0))
ICMP_KINDS = {
    ICMP: ((None, None), (8, None), (8, 0), (13, 0), (3, 3), (0, 0), (0, None)),
    ICMPV6: ((None, None), (128, None), (128, 0), (1, 4), (129, 0), (134, None)),
}
PROTOCOLS = {
    "IPv4": (TCP, UDP, None, ICMP, TCP, UDP, None, ICMP, SCTP, GRE),
    "IPv6": (TCP, UDP, None, ICMPV6, UDP, None, ICMPV6),
}
some_ranges = st.one_of(st.none(), st.sampled_from(RANGES))
seldom_ranges = st.one_of(st.none(), st.none(), st.none(), st.sampled_from(RANGES))


@st.composite
def rules(draw: st.DrawFn) -> Rule:
    family = draw(st.sampled_from(("IPv4", "IPv4", "IPv6")))
    protocol = draw(st.sampled_from(PROTOCOLS[family]))
    has_ports = protocol in (TCP, UDP, SCTP)
    kind = draw(st.sampled_from(ICMP_KINDS[protocol])) if protocol in ICMP_KINDS else (None, None)
    return Rule(
        draw(st.sampled_from(KEYS)), draw(st.sampled_from(("ingress", "egress"))), family, protocol,  # type: ignore[arg-type]
        draw(some_ranges) if has_ports else None, *kind, source_ports=draw(seldom_ranges) if has_ports else None,
        stateful=draw(st.sampled_from((True, True, True, False))), **draw(remotes(family)),  # type: ignore[arg-type]
    )  # fmt: skip


def remotes(family: str) -> st.SearchStrategy[dict[str, str]]:
    return st.one_of(
        st.just({}),
        st.sampled_from(CIDRS[family]).map(lambda cidr: {"remote_cidr": cidr}),
        st.sampled_from(GROUPS).map(lambda name: {"remote_group": name}),
        st.sampled_from(ADDRESS_GROUPS).map(lambda name: {"remote_address_group": name}),
    )


rule_sets = st.lists(rules(), max_size=4, unique_by=lambda rule: rule.key).map(tuple)
tenants = st.sampled_from(TENANTS)
GUARDRAILS = ("g1", "g2", "g3", "g4")


@st.composite
def guardrails(draw: st.DrawFn) -> Guardrail:
    """What a rule could match, without address sets; few priorities, so that they collide."""
    like = draw(rules())
    cidr = draw(st.one_of(st.none(), st.sampled_from(CIDRS[like.ethertype])))
    whose = st.one_of(st.none(), st.none(), st.lists(tenants, max_size=2, unique=True).map(tuple))
    return Guardrail(
        draw(st.sampled_from(GUARDRAILS)), draw(st.sampled_from((1, 2, 10, 11, 999, 1000))),
        draw(st.sampled_from(("allow", "deny"))), like.direction, like.ethertype, like.protocol, like.ports,
        like.icmp_type, like.icmp_code, cidr, like.source_ports, draw(whose),
    )  # fmt: skip


guardrail_lists = st.lists(guardrails(), max_size=3, unique_by=(lambda each: each.name, lambda each: each.priority))
limits = st.sampled_from(
    [Limits(), Limits(burst=8)]
    + [Limits(None, rate, burst) for rate in (0, 5, 50) for burst in (None, 0, 8) if rate or not burst]
)
groups = st.builds(Group, tenants, st.sampled_from(GROUPS), rules=rule_sets)
cidr_lists = st.lists(st.sampled_from((*CIDRS["IPv4"], *CIDRS["IPv6"])), max_size=4).map(tuple)
address_groups = st.builds(AddressGroup, tenants, st.sampled_from(ADDRESS_GROUPS), cidrs=cidr_lists)
group_lists = st.sampled_from(((), ("a",), ("b",), ("a", "b")))
egress_modes = st.sampled_from(("any", "rules"))
address_lists = st.lists(st.sampled_from((*VM_ADDRESSES, *VM_ADDRESSES_6)), max_size=3, unique=True).map(tuple)
pairs = st.builds(AddressPair, st.sampled_from(PAIR_ADDRESSES), st.sampled_from((None, *VIRTUAL_MACS, VM_MACS[3])))
pair_lists = st.one_of(st.just(()), st.just(()), st.lists(pairs, max_size=3).map(tuple))
tags = st.sampled_from((None, None, None, *TAGS))
bindings = st.one_of(
    st.builds(
        Binding, st.sampled_from((DPID, NAME)), interface=st.sampled_from((*INTERFACES, *INTERFACES, BR0)), tag=tags
    ),
    st.builds(Binding, st.sampled_from((DPID, NAME)), ofport=st.sampled_from(OFPORTS), tag=tags),
    st.sampled_from((None, Binding(OTHER_DPID, interface="v1"))),
)
port_numbers = st.sampled_from((1, 2, 3, 4))


@st.composite
def ports(draw: st.DrawFn) -> Port:
    """Mostly a port with its own MAC, addresses and interface, or a sub-port of the next with the same in another
    segment; sometimes with something that is another's."""
    n = draw(port_numbers)
    sub = draw(st.integers(0, 3)) == 0
    binding = Binding(DPID, interface=f"v{n % 4 + 1}", tag=draw(st.sampled_from(TAGS))) if sub else usual_binding(n)
    port = Port(
        draw(tenants), f"{'s' if sub else 'p'}{n}", VM_MACS[n - 1], (VM_ADDRESSES[n - 1], VM_ADDRESSES_6[n - 1]),
        draw(group_lists), binding, draw(egress_modes), draw(st.sampled_from(VLANS[sub * 2:])),
        allowed_address_pairs=draw(pair_lists),
    )  # fmt: skip
    for change in draw(st.lists(changes, max_size=2)):
        port = replace(port, **change)
    return port


def nothing_yet() -> list[Value]:
    """The tenants with groups that others can name, all empty."""
    empty: list[Value] = [Tenant(tenant) for tenant in TENANTS]
    empty += [Group(tenant, name) for tenant in TENANTS for name in GROUPS]
    return empty + [AddressGroup(tenant, name) for tenant in TENANTS for name in ADDRESS_GROUPS]


def usual_binding(n: int) -> Binding:
    return Binding(DPID, interface=f"v{n}")


def _change(name: str, values: st.SearchStrategy[object]) -> st.SearchStrategy[dict[str, object]]:
    return values.map(lambda value: {name: value})


# One thing of a port that is different from now on.
changes = st.one_of(
    _change("groups", group_lists), _change("egress", egress_modes), _change("binding", bindings),
    _change("addresses", address_lists), _change("allowed_address_pairs", st.lists(pairs, max_size=3).map(tuple)),
    _change("enabled", st.booleans()), _change("dhcp_server", st.booleans()),
    _change("spoof_guard", st.sampled_from(("enforce", "off"))), _change("vlan", st.sampled_from(VLANS)),
    _change("mac", st.sampled_from((*VM_MACS, VIRTUAL_MACS[0]))),
)  # fmt: skip


def changed(port: Port, change: dict[str, object]) -> Port:
    try:
        return replace(port, **change)  # type: ignore[arg-type]
    except Invalid:
        return port


switches = st.builds(
    Switch,
    st.just(DPID),
    st.sampled_from((None, NAME)),
    st.sampled_from((None, (), ("ext0",), ("ext*",), ("ext1",), ("ext?", "v4"))),
)
