"""Random and fixed histories of an inventory, and what makes two inventories equal."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Any

from hypothesis import strategies as st

from app.core.assertions import Assertion, Assertions
from app.core.guardrails import Guardrail
from app.core.inventory import KINDS, LEDGER, Inventory
from app.core.problems import Refused
from app.core.quota import Quota
from app.core.tokens import Token
from app.core.values import AddressGroup, AddressPair, Binding, Group, Limits, Port, Rule, Switch, Tenant

NOW = "2026-11-22T10:00:00.000Z"
Change = Callable[[Inventory, str], Any]

tenants = st.sampled_from(["acme", "umbrella", "stark"])
groups = st.sampled_from(["web", "db", "ssh"])
cidrs = st.sampled_from([None, "0.0.0.0/0", "192.0.2.0/24", "198.51.100.7/32"])
sets = st.sampled_from([None, None, "web", "db"])
labels = st.dictionaries(st.text(min_size=1, max_size=4), st.text(max_size=4), max_size=2).map(
    lambda d: tuple(d.items())
)


def _rule(key: str, direction: str, cidr: str | None, named: str | None, kind: tuple[Any, ...]) -> Rule:
    """A rule whose remote end is a CIDR, or a set of either kind, or nothing."""
    protocol, ports, icmp, more = kind
    remote = {"remote_cidr": cidr} if cidr else {"remote_group" if key < "c" else "remote_address_group": named}
    types = dict(zip(("icmp_type", "icmp_code"), icmp or (), strict=False))
    return Rule(key, direction, protocol=protocol, ports=ports, **types, **remote, **more)  # type: ignore[arg-type]


rule_kinds = st.sampled_from(
    [
        (None, None, None, {}),
        (6, (80, 90), None, {"source_ports": (1024, 65535)}),
        (17, None, None, {"stateful": False}),
        (1, None, (8, 0), {}),
        (1, None, (3, None), {}),
        (47, None, None, {}),
    ]
)
rules = st.lists(
    st.builds(_rule, st.sampled_from(["a", "b", "c"]), st.sampled_from(["ingress", "egress"]), cidrs, sets, rule_kinds),
    max_size=3,
    unique_by=lambda rule: rule.key,
).map(tuple)
bindings = st.one_of(
    st.none(),
    st.builds(Binding, st.sampled_from(["br-a", "0000000000000001"]), st.sampled_from(["tap0", "tap1"])),
    st.builds(
        lambda s, n, tag: Binding(s, ofport=n, tag=tag),
        st.just("br-a"),
        st.integers(1, 3),
        st.sampled_from([None, 5]),
    ),
    st.builds(
        lambda id, tag: Binding(iface_id=id, tag=tag), st.sampled_from(["vm-1", "vm-2"]), st.sampled_from([None, 5])
    ),
)
limits = st.builds(
    Limits,
    st.sampled_from([None, 0, 20000]),
    st.sampled_from([None, 500]),
    st.sampled_from([None, 0, 1000]),
    st.sampled_from([(), (("udp_first", 20),), (("udp_first", 20), ("icmp_reply", 5))]),
)
pairs = st.builds(
    AddressPair,
    st.sampled_from(["10.0.0.5", "10.0.0.8/29", "2001:db8::/64", "0.0.0.0/0"]),
    st.sampled_from([None, "52:54:00:00:00:03", "00:00:5e:00:01:0a"]),
)
quotas = st.sampled_from([Quota(), Quota(), Quota(ports=1, rules=2), Quota(9, 0, 9, 1)])
owners = st.sampled_from(["", "", "terraform"])
guardrails = st.builds(
    lambda name, priority, action, tenants, owner: Guardrail(
        name, priority, action, "ingress", protocol=6, ports=(22, 22), tenants=tenants, owner=owner
    ),
    st.sampled_from(["no-ssh", "all-dns"]),
    st.sampled_from([1, 1000]),
    st.sampled_from(["allow", "deny"]),
    st.sampled_from([None, (), ("acme",), ("acme", "stark")]),
    owners,
)
tokens = st.sampled_from(
    [
        Token("ci", "tenant-admin", "acme", "ab" * 32, expires_at="2027-01-31T00:00:00Z"),
        Token("ci", "operator", None, "cd" * 32),
        Token("other", "admin", None, None, "DNS:a.example", "a", None, "2026-11-22T10:00:01Z"),
    ]
)
asserted = st.lists(
    st.sampled_from([Assertion("any", "group:web", "allow", 6, 443), Assertion("ip:192.0.2.0/24", "p1", "deny")]),
    max_size=2,
).map(tuple)
values = st.one_of(
    st.builds(Tenant, tenants, st.text(max_size=5), labels, limits, quotas, owners),
    st.builds(Group, tenants, groups, st.text(max_size=5), rules, owners),
    guardrails,
    tokens,
    st.builds(Assertions, tenants, asserted),
    st.builds(
        AddressGroup,
        tenants,
        groups,
        st.text(max_size=5),
        st.lists(st.sampled_from(["192.0.2.0/24", "192.0.2.7/32", "2001:db8::/32"]), max_size=3).map(tuple),
    ),
    st.builds(
        Port,
        tenants,
        st.sampled_from(["p1", "p2", "VM.3"]),
        st.integers(1, 5).map(lambda n: f"52:54:00:00:00:0{n}"),
        st.lists(st.integers(1, 9).map(lambda n: f"10.0.0.{n}"), max_size=2).map(tuple),
        st.lists(groups, max_size=2).map(tuple),
        bindings,
        st.sampled_from(["any", "rules"]),
        st.sampled_from([0, 0, 7]),
        labels,
        st.lists(pairs, max_size=2).map(tuple),
        st.sampled_from(["enforce", "off"]),
        st.booleans(),
        st.booleans(),
    ),
    st.builds(
        Switch,
        st.sampled_from(["0000000000000001", "00000000000000fe"]),
        st.sampled_from([None, "br-a", "br-b"]),
        st.sampled_from([None, (), ("eth0", "bond*")]),
        st.text(max_size=5),
        st.sampled_from([None, "", "tcp:192.0.2.1:6640"]),
        st.sampled_from([None, "", "/run/openvswitch"]),
    ),
)


def putting(value: Any) -> Change:
    return lambda inventory, now: inventory.put(value, now)


def deleting(value: Any) -> Change:
    return lambda inventory, now: inventory.delete(KINDS[type(value)], *value.id, now=now)


# Three puts to one delete: most histories should end with something in the inventory.
changes = st.one_of(values.map(putting), values.map(putting), values.map(putting), values.map(deleting))
histories = st.lists(changes, max_size=40)


def replay(inventory: Inventory, history: list[Change]) -> Inventory:
    """Run the changes that the inventory does not refuse."""
    for change in history:
        with suppress(Refused), inventory.attempt():
            change(inventory, NOW)
    return inventory


def content(inventory: Inventory) -> dict[str, Any]:
    """All that an inventory holds, by equality; the order in which its tables came about is no part of it."""
    tables: dict[str, Any] = {kind: inventory.list(kind) for kind in KINDS.values()}
    tables |= {kind: dict(inventory._tables[kind]) for kind in LEDGER}
    indexes = {name: _pruned(index) for name, index in vars(inventory._indexes).items() if name != "_markers"}
    return {**tables, **indexes, "revision": inventory.revision}


def _pruned(index: Any) -> Any:
    """Without the empty places that what was there has left."""
    if not isinstance(index, dict):
        return index
    pruned = {key: _pruned(held) if isinstance(held, dict) else held for key, held in index.items()}
    return {key: held for key, held in pruned.items() if held != {}}


def sample() -> list[Change]:
    """One of everything there is: quotas, owners, guardrails, tokens, assertions."""
    ssh = Guardrail(
        "no-ssh",
        10,
        "deny",
        "ingress",
        protocol=6,
        ports=(22, 22),
        remote_cidr="0.0.0.0/0",
        tenants=("acme",),
        owner="ops",
    )
    asserted = Assertion("any", "group:web", "allow", 6, 443), Assertion("ip:192.0.2.0/24", "web-1", "deny")
    made = (
        Tenant("acme", "the first", (("tier", "gold"),), quota=Quota(100, 20, None, 0), owner="terraform"),
        ssh,
        Guardrail("all-dns", 20, "allow", "egress", protocol=17, ports=(53, 53), remote_cidr="192.0.2.53/32"),
        Group("acme", "owned", owner="terraform"),
        Assertions("acme", asserted),
        Token("ci", "tenant-admin", "acme", "ab" * 32, None, "builds", "2027-01-31T00:00:00Z", "2026-11-22T10:00:01Z"),
        Token("prometheus", "metrics", certificate="DNS:prometheus.example"),
    )
    return [*sample_of_version_3(), *map(putting, made)]


def sample_of_version_3() -> list[Change]:
    """One of everything there was: limits, a switch with a database, a binding by interface id, a zone that rests."""
    timeouts = (("udp_first", 20), ("tcp_established", 3600))
    stark = Tenant("stark", limits=Limits(20000, 500, 1000, timeouts))
    remote = Switch("0000000000000001", ovsdb="unix:/run/openvswitch/db.sock", control_socket="")
    floating = Port("stark", "vm", "52:54:00:00:00:04", binding=Binding(iface_id="vm-1:eth0", tag=9))
    made = (stark, remote, floating, Tenant("gone"))
    return [*sample_of_version_2(), *map(putting, made), deleting(Tenant("gone"))]


def sample_of_version_2() -> list[Change]:
    """One of everything there was: address groups, sets, pairs, sub-ports."""
    api = (
        Rule("from-web", "ingress", protocol=6, ports=(8080, 8080), source_ports=(1024, 65535), remote_group="web"),
        Rule("mon", "ingress", "IPv6", 58, icmp_type=128, icmp_code=0, remote_address_group="monitoring"),
        Rule("ntp", "egress", protocol=17, ports=(123, 123), stateful=False),
    )
    trunked = Port(
        "acme",
        "api-1",
        "52:54:00:00:00:03",
        ("10.0.0.3", "2001:db8::3"),
        ("api", "web"),
        Binding("br-a", "tap0", tag=5),
        vlan=7,
        allowed_address_pairs=(AddressPair("10.0.0.100", "00:00:5e:00:01:0a"), AddressPair("2001:db8:1::/64")),
        spoof_guard="off",
        dhcp_server=True,
        enabled=False,
    )
    monitoring = AddressGroup("acme", "monitoring", "the watchers", ("10.9.0.0/28", "2001:db8:9::/64"))
    return [*sample_of_version_1(), *map(putting, (monitoring, Group("acme", "api", rules=api), trunked))]


def sample_of_version_1() -> list[Change]:
    """One of everything there was: two tenants, a second segment, rules of each protocol, a switch."""
    web = (
        Rule("http", "ingress", protocol=6, ports=(80, 443), remote_cidr="0.0.0.0/0"),
        Rule("ping", "ingress", protocol=1, icmp_type=8, icmp_code=0),
        Rule("dns", "egress", protocol=17, ports=(53, 53), remote_cidr="192.0.2.53/32"),
    )
    first = Port(
        "acme",
        "web-1",
        "52:54:00:00:00:01",
        ("10.0.0.1",),
        ("web",),
        Binding("br-a", "tap0"),
        "rules",
        0,
        (("os", "žluť"),),
    )
    second = Port("umbrella", "vm.2", "52:54:00:00:00:02", ("10.0.0.1",), (), Binding("br-a", ofport=4), "any", 7)
    made = [
        Tenant("acme", "the first", (("tier", "gold"),)),
        Tenant("umbrella"),
        Group("acme", "web", "web servers", web),
        first,
        second,
        Switch("00000000000000fe", "br-a", ("eth0", "bond*"), "rack 4"),
    ]
    return [putting(value) for value in made]
