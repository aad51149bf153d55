"""The values of a small world, chosen to collide: few names, overlapping networks, claims on one switch port."""

from __future__ import annotations

from hypothesis import strategies as st

from app.core.values import Binding, Group, Port, Rule, Switch

DPID, OTHER_DPID, NAME = "0000000000000001", "0000000000000002", "edge"
DEFAULT_UPLINKS = ("ext0",)
TENANTS = ("red", "blue", "green")
GROUPS = ("a", "b")
KEYS = ("k1", "k2", "k3", "k4")
INTERFACES = ("v1", "v2", "v3", "v4", "ext0", "ext1")
OFPORTS = (1, 2, 3, 4, 5, 127, 128)  # the last two lie in different chunks of the copy list
BR0 = "br0"

VM_MACS = tuple(f"52:54:00:00:00:0{n}" for n in range(1, 5))
OUTSIDE_MACS = ("02:00:00:00:00:01", "02:00:00:00:00:02")
LOCAL_MAC = "02:00:00:00:00:fe"
VM_ADDRESSES = tuple(f"10.0.0.{n}" for n in range(1, 7))
OUTSIDE_ADDRESSES = ("10.0.0.9", "10.1.0.1")
CIDRS = (None, None, "0.0.0.0/0", "10.0.0.0/8", "10.0.0.0/30", "10.0.0.2/31", "10.0.0.9/32")

ICMP, TCP, UDP, SCTP, GRE = 1, 6, 17, 132, 47
NUMBERS = (22, 23, 24, 67, 68, 80, 40000, 65535)
RANGES = (None, (22, 22), (22, 23), (20, 24), (23, 80), (0, 22), (0, 65535), (24, 65535), (40000, 40000))
ICMP_KINDS = ((None, None), (8, None), (8, 0), (13, 0), (3, 3))


@st.composite
def rules(draw: st.DrawFn) -> Rule:
    protocol = draw(st.sampled_from((TCP, UDP, None, ICMP, TCP, UDP, None, ICMP, SCTP, GRE)))
    ports = draw(st.sampled_from(RANGES)) if protocol in (TCP, UDP, SCTP) else None
    kind = draw(st.sampled_from(ICMP_KINDS)) if protocol == ICMP else (None, None)
    direction = draw(st.sampled_from(("ingress", "egress")))
    return Rule(draw(st.sampled_from(KEYS)), direction, "IPv4", protocol, ports, *kind, draw(st.sampled_from(CIDRS)))


rule_sets = st.lists(rules(), max_size=4, unique_by=lambda rule: rule.key).map(tuple)
tenants = st.sampled_from(TENANTS)
groups = st.builds(Group, tenants, st.sampled_from(GROUPS), rules=rule_sets)
group_lists = st.sampled_from(((), ("a",), ("b",), ("a", "b")))
egress_modes = st.sampled_from(("any", "rules"))
address_lists = st.lists(st.sampled_from(VM_ADDRESSES), max_size=2, unique=True).map(tuple)
bindings = st.one_of(
    st.builds(Binding, st.sampled_from((DPID, NAME)), interface=st.sampled_from((*INTERFACES, BR0))),
    st.builds(Binding, st.sampled_from((DPID, NAME)), ofport=st.sampled_from(OFPORTS)),
    st.sampled_from((None, Binding(OTHER_DPID, interface="v1"))),
)
port_numbers = st.sampled_from((1, 2, 3, 4))


@st.composite
def ports(draw: st.DrawFn) -> Port:
    """Mostly a port with its own MAC, address and interface; sometimes with another's."""
    n = draw(port_numbers)
    usual = draw(st.integers(0, 3)) > 0
    mac = VM_MACS[n - 1] if usual else draw(st.sampled_from(VM_MACS))
    addresses = (VM_ADDRESSES[n - 1],) if usual else draw(address_lists)
    binding = Binding(DPID, interface=f"v{n}") if usual else draw(bindings)
    return Port(draw(tenants), f"p{n}", mac, addresses, draw(group_lists), binding, draw(egress_modes))


switches = st.builds(
    Switch,
    st.just(DPID),
    st.sampled_from((None, NAME)),
    st.sampled_from((None, (), ("ext0",), ("ext*",), ("ext1",), ("ext?", "v4"))),
)
