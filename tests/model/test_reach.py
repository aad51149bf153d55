"""Who may reach whom, told by arithmetic, by the model of policies packet by packet, and by the flows."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import permutations, product

from hypothesis import given
from hypothesis import strategies as st

from app.core.inventory import Inventory
from app.core.parsing import Invalid
from app.core.problems import Refused
from app.core.reach import ANY, End, allowed
from app.core.values import AddressGroup, Direction, Group, Guardrail, Port, Value
from tests.model import small_world as small
from tests.model.addresses import net, own_nets, pair_nets
from tests.model.frames import Five, Frame
from tests.model.packets import address, mac
from tests.model.profiles import effort
from tests.model.reference_policy import Policies
from tests.model.test_policies import EVERYTHING, LAYER_4_PACKETS, Shape, address_groups, build, group_pairs, shapes

NOW = "2026-01-01T00:00:00Z"
LINK_LOCALS = tuple(f"fe80::5054:ff:fe00:{n}" for n in range(1, 5))
# An address of every piece that the networks of the small world cut the address space into.
POOL = {
    4: tuple(map(address, (*(f"10.0.0.{n}" for n in range(10)), "10.1.0.1", "172.16.0.1"))),
    6: tuple(
        map(address, (*(f"fd00::{n}" for n in range(1, 10)), "fd00:1::1", "fe80::1", *LINK_LOCALS, "2001:db8::1"))
    ),
}
OUTSIDE = ("ip:10.0.0.9/32", "ip:10.0.0.0/30", "ip:10.0.0.0/8", "ip:fd00::/126", "ip:fe80::/10", "any")
PACKETS = tuple((family, *packet) for family, packets in LAYER_4_PACKETS.items() for packet in packets)


values = st.tuples(
    group_pairs(), address_groups, small.guardrail_lists, st.lists(small.ports(), min_size=2, max_size=5)
)


def world(*many: list[Value]) -> Inventory:
    inventory = Inventory()
    for value in (*small.nothing_yet(), *(value for some in many for value in some)):
        try:
            inventory.put(value, NOW)
        except (Refused, Invalid):
            assert isinstance(value, Port), "only ports may be in each other's way"
    return inventory


def policies(inventory: Inventory) -> Policies:
    groups, sets, ports, rails = (
        [stored.value for stored in inventory.list(kind)] for kind in ("group", "address_group", "port", "guardrail")
    )
    return Policies({g.id: g for g in groups}, {s.id: s for s in sets}, tuple(ports), tuple(rails))  # type: ignore[misc,arg-type]


def addresses(end: End | Port, family: int, together: bool) -> Iterator[int]:
    """Of the pool, those of an end; a link-local one is heard in its own segment only."""
    if isinstance(end, Port):
        nets = [*own_nets(end), *pair_nets(end), *(net(p.address) for p in end.allowed_address_pairs)]
    else:
        nets = [net(end.name)] if end.kind == "network" else [net("0.0.0.0/0"), net("::/0")]
    for number in POOL[family]:
        if any(n.has(family, number) for n in nets):
            far = not isinstance(end, Port) or together or number >> 118 != 0x3FA or family == 4
            if far or any(n.length == 0 and n.family == 6 for n in nets):
                yield number


def opens(model: Policies, source: End | Port, target: End | Port, packet: tuple[int, int, int, int]) -> bool:
    """Is there an address at each end between which it passes?"""
    if any(isinstance(end, Port) and not end.enabled for end in (source, target)):
        return False
    segments = {end.vlan for end in (source, target) if isinstance(end, Port)}
    family, protocol, first, second = packet
    mine, theirs = (list(addresses(end, family, len(segments) == 1)) for end in (source, target))
    return any(
        _passes(model, source, "egress", about) and _passes(model, target, "ingress", about)
        for a, b in product(mine, theirs)
        for about in (Five(family, protocol, a, b, first, second),)
    )


def _passes(model: Policies, end: End | Port, direction: Direction, about: Five) -> bool:
    return not isinstance(end, Port) or model.allows(end, direction, about) or model.passes(end, direction, about)


@effort(50)
@given(values, st.integers(0, 4))
def test_what_may_be_opened_is_just_what_the_policies_of_both_ends_let_pass(
    drawn: tuple[list[Group], list[AddressGroup], list[Guardrail], list[Port]], offset: int
) -> None:
    groups, sets, rails, ports = drawn
    inventory = world(sets, groups, rails, ports)  # type: ignore[arg-type]
    model = policies(inventory)
    ends: list[tuple[End, End | Port]] = [(End("port", *p.id), p) for p in model.ports]  # type: ignore[arg-type]
    ends += [(end, end) for end in (End.parse(text, "") for text in OUTSIDE)]
    for (source, one), (target, other) in permutations(ends, 2):
        if not (source.is_ours or target.is_ours):
            continue
        traffic = allowed(inventory, source, target)
        for packet in PACKETS[offset::5]:
            wanted = opens(model, one, other, packet)
            assert traffic.has(*packet) == wanted, f"{source} ({one}) -> {target} ({other}): {packet}"


@effort(15)
@given(group_pairs(), shapes, address_groups, small.guardrail_lists, st.integers(0, 3))
def test_the_flows_deliver_what_may_be_opened_and_nothing_else(
    groups: list[Group], ports: list[Shape], sets: list[AddressGroup], rails: list[Guardrail], offset: int
) -> None:
    world = build(groups, ports, sets, rails)
    owners = {mac(port.mac): End("port", *port.id) for port in world.policies().ports}
    places = {end: int(end.name[1:]) + 1 for end in owners.values()}
    for frame in EVERYTHING[offset::4]:
        if frame.to_many or frame.family == 6 or not frame.five.begins or _is_infrastructure(frame):
            continue
        source, target = (owners.get(frame[name]) or _outside(number) for name, number in _ends(frame))
        if not (source.is_ours or target.is_ours):
            continue
        world.simulator.connections.clear()
        outs = {ofport for ofport, _ in world.simulator.send(dict(frame.fields)).outputs}
        five = frame.five
        may = allowed(world.inventory, source, target).has(five.family, five.protocol, five.first, five.second)
        assert (places.get(target, 1) in outs) == may, f"{source} -> {target}: {five}"


def _ends(frame: Frame) -> tuple[tuple[str, int], tuple[str, int]]:
    return ("eth_src", frame.source), ("eth_dst", frame.target)


def _outside(number: int) -> End:
    return End("network", "", f"{number >> 24}.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}/32")


def _is_infrastructure(frame: Frame) -> bool:
    """A DHCP server outside needs no rule."""
    return frame["in_port"] == 1 and frame.is_dhcp("server")


@effort(10)
@given(values)
def test_a_group_reaches_what_some_of_its_ports_reach(
    drawn: tuple[list[Group], list[AddressGroup], list[Guardrail], list[Port]],
) -> None:
    groups, sets, rails, ports = drawn
    inventory = world(sets, groups, rails, ports)  # type: ignore[arg-type]
    for tenant, a, b in product(("red", "blue"), small.GROUPS, small.GROUPS):
        mine, theirs = (inventory.ports_of_group(tenant, name) for name in (a, b))
        whole = allowed(inventory, End("group", tenant, a), End("group", tenant, b))
        pairs = [allowed(inventory, End("port", *p), End("port", *q)) for p, q in product(mine, theirs) if p != q]
        assert all(each <= whole for each in pairs)
        assert not whole or any(pairs)
        for port in mine:
            assert allowed(inventory, End("port", *port), End("network", "", "10.0.0.0/8")) <= allowed(
                inventory, End("group", tenant, a), ANY
            )
