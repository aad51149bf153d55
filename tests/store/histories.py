"""Random and fixed histories of an inventory, and what makes two inventories equal."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Any

from hypothesis import strategies as st

from app.core.inventory import KINDS, LEDGER, Inventory
from app.core.problems import Refused
from app.core.values import Binding, Group, Port, Rule, Switch, Tenant

NOW = "2026-11-22T10:00:00.000Z"
Change = Callable[[Inventory, str], Any]

tenants = st.sampled_from(["acme", "umbrella", "stark"])
groups = st.sampled_from(["web", "db", "ssh"])
cidrs = st.sampled_from([None, "0.0.0.0/0", "192.0.2.0/24", "198.51.100.7/32"])
labels = st.dictionaries(st.text(min_size=1, max_size=4), st.text(max_size=4), max_size=2).map(
    lambda d: tuple(d.items())
)


def _rule(key: str, direction: str, cidr: str | None, kind: tuple[Any, ...]) -> Rule:
    protocol, ports, icmp = kind
    icmp_type, icmp_code = icmp or (None, None)
    return Rule(key, direction, "IPv4", protocol, ports, icmp_type, icmp_code, cidr)  # type: ignore[arg-type]


rule_kinds = st.sampled_from(
    [
        (None, None, None),
        (6, (80, 90), None),
        (17, None, None),
        (1, None, (8, 0)),
        (1, None, (3, None)),
        (47, None, None),
    ]
)
rules = st.lists(
    st.builds(_rule, st.sampled_from(["a", "b", "c"]), st.sampled_from(["ingress", "egress"]), cidrs, rule_kinds),
    max_size=3,
    unique_by=lambda rule: rule.key,
).map(tuple)
bindings = st.one_of(
    st.none(),
    st.builds(Binding, st.sampled_from(["br-a", "0000000000000001"]), st.sampled_from(["tap0", "tap1"])),
    st.builds(lambda s, n: Binding(s, ofport=n), st.just("br-a"), st.integers(1, 3)),
)
values = st.one_of(
    st.builds(Tenant, tenants, st.text(max_size=5), labels),
    st.builds(Group, tenants, groups, st.text(max_size=5), rules),
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
    ),
    st.builds(
        Switch,
        st.sampled_from(["0000000000000001", "00000000000000fe"]),
        st.sampled_from([None, "br-a", "br-b"]),
        st.sampled_from([None, (), ("eth0", "bond*")]),
        st.text(max_size=5),
    ),
)


def putting(value: Any) -> Change:
    return lambda inventory, now: inventory.put(value, now)


def deleting(value: Any) -> Change:
    return lambda inventory, now: inventory.delete(KINDS[type(value)], *value.id)


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
    tables |= {
        name: {key: held for key, held in getattr(inventory, name).items() if held != {}}
        for name in ("_by_tenant", "_by_mac", "_by_address", "_by_binding", "_by_group", "_by_policy")
    }
    return tables | {"revision": inventory.revision, "zones": inventory._used_zones, "names": inventory._switch_names}


def sample() -> list[Change]:
    """One of everything: two tenants, a second segment, rules of each protocol, a switch."""
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
