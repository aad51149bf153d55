"""Reachability in a world of segments, pairs, sub-ports and DHCP servers: as the flows have it; and what changes."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import permutations, product

from hypothesis import given
from hypothesis import strategies as st

from app.core.addresses import WIDTH, Network, network
from app.core.indexes import Id
from app.core.inventory import Inventory
from app.core.parsing import Invalid, link_local
from app.core.problems import Refused
from app.core.program import Program
from app.core.reach import NOTHING, End, ReachChange, Traffic, allowed, changes
from app.core.reach.kinds import written
from app.core.simulator import Classifier, Simulator
from app.core.values import AddressGroup, Group, Guardrail, Port, SwitchPort, Value
from tests.model import small_world as small
from tests.model.frames import ICMPV6, TAG, Five
from tests.model.packets import ip, mac
from tests.model.profiles import effort
from tests.model.test_reach import NOW, PACKETS, POOL, values, world

Drawn = tuple[list[Group], list[AddressGroup], list[Guardrail], list[Port]]
# Nobody of ours has these, and each is in other networks than the others.
STRANGERS = tuple(map(network, ("10.0.0.9", "10.1.0.1", "172.16.0.1", "fd00::9", "2001:db8::1")))
some_writes = st.lists(
    st.one_of(small.groups, small.address_groups, small.ports(), small.guardrails()), min_size=1, max_size=4
)


def program_of(inventory: Inventory) -> Program:
    program = Program(inventory, small.DPID, ("ext0",), trust_local=False)
    names = ("ext0", "v1", "v2", "v3", "v4")
    for _ in program.compile(SwitchPort(n, name, "fe:00:00:00:00:00") for n, name in enumerate(names, 1)):
        pass
    return program


def addresses(port: Port, family: int) -> list[int]:
    said = (*port.addresses, *(pair.address for pair in port.allowed_address_pairs), link_local(port.mac))
    nets = [net for net in map(network, said) if net.family == family]
    return [a for a in POOL[family] if any(net.covers(Network(family, a, WIDTH[family])) for net in nets)]


def macs(port: Port) -> set[str]:
    return {port.mac, *(pair.mac for pair in port.allowed_address_pairs if pair.mac)}


def arrives(simulator: Simulator, one: tuple[Port, tuple[int, int]], other: tuple[Port, tuple[int, int]], about: Five,
) -> bool:  # fmt: skip
    """Whether the first packet of a connection comes out where it should, under some MACs and addresses of both."""
    (source, (in_port, tag)), (target, (ofport, other_tag)) = one, other
    tagged = {"vlan_vid": TAG | tag} if tag else {}
    for a, b, mine, its in product(
        addresses(source, about.family), addresses(target, about.family), macs(source), macs(target)
    ):
        simulator.connections.clear()
        packet = ip(in_port, mac(mine), mac(its), about._replace(source=a, target=b), **tagged)
        outputs = simulator.send(packet).outputs
        if any((out, fields.get("vlan_vid", 0) & ~TAG) == (ofport, other_tag) for out, fields in outputs):
            return True
    return False


@effort(15)
@given(values, st.integers(0, 6))
def test_ports_of_one_segment_reach_each_other_as_the_flows_have_it(drawn: Drawn, offset: int) -> None:
    groups, sets, rails, ports = drawn
    inventory = world(sets, groups, rails, ports)  # type: ignore[arg-type]
    program = program_of(inventory)
    simulator = Simulator(Classifier(program.wanted.values()))
    here = [(port, seat) for port in ports_of(inventory).values() if (seat := program.seat(port.id)) is not None]
    for one, other in permutations(here, 2):
        if one[0].vlan != other[0].vlan:
            continue
        traffic = allowed(inventory, End("port", *one[0].id), End("port", *other[0].id))  # type: ignore[misc]
        for family, protocol, first, second in PACKETS[offset::7]:
            about = Five(family, protocol, 0, 0, first, second)
            is_discovery = protocol == ICMPV6 and first == 134
            if about.begins and not is_discovery:
                assert arrives(simulator, one, other, about) == traffic.has(family, protocol, first, second), (
                    one, other, about,
                )  # fmt: skip


# -- what changes


def ports_of(inventory: Inventory) -> dict[Id, Port]:
    return {stored.value.id: stored.value for stored in inventory.list("port")}  # type: ignore[misc]


Ways = dict[tuple[str, Id | Network, Id | Network], Traffic]


def ways(inventory: Inventory) -> Ways:
    """What everybody may open to everybody else of the tenant, and to and from strangers in the families it has."""
    found: Ways = {}
    ports = {id: port for id, port in ports_of(inventory).items() if port.enabled}
    for a, b in permutations(ports, 2):
        if a[0] == b[0]:
            found[a[0], a, b] = allowed(inventory, End("port", *a), End("port", *b))  # type: ignore[misc]
    for (id, port), stranger in product(ports.items(), STRANGERS):
        said = (*port.addresses, *(pair.address for pair in port.allowed_address_pairs))
        if stranger.family in {network(text).family for text in said}:
            mine, its = End("port", *id), End("network", "", written(stranger))  # type: ignore[misc]
            found[id[0], id, stranger] = allowed(inventory, mine, its).only(stranger.family)
            found[id[0], stranger, id] = allowed(inventory, its, mine).only(stranger.family)
    return found


def members(inventory: Inventory) -> set[tuple[str, Id]]:
    return {
        (f"group:{stored.value.id[1]}", port)
        for stored in inventory.list("group")
        for port in inventory.ports_of_group(*stored.value.id)
    }


@effort(40)
@given(values, some_writes, st.booleans())
def test_what_is_told_of_a_change_is_what_is_different(drawn: Drawn, writes: list[Value], deletes: bool) -> None:
    groups, sets, rails, ports = drawn
    inventory = world(sets, groups, rails, ports)  # type: ignore[arg-type]
    inventory.take_journal()
    before, named = ways(inventory), members(inventory)
    for value in writes:
        try:
            inventory.put(value, NOW)
        except (Refused, Invalid):
            continue
    if deletes and (left := ports_of(inventory)):
        inventory.delete("port", *min(left), now=NOW)
    after, named = ways(inventory), named | members(inventory)
    told, is_more = changes(inventory, list(inventory.journal), 100_000)
    assert not is_more

    def is_meant(said: str, end: Id | Network) -> bool:
        if isinstance(end, Network):
            return said.startswith("ip:") and network(said[3:]).covers(end)
        return said == end[1] or (said, end) in named

    def about(way: tuple[str, Id | Network, Id | Network], verdict: str, family: int) -> Iterator[ReachChange]:
        for change in told:
            is_such = (change.tenant, change.after, change.ethertype) == (way[0], verdict, f"IPv{family}")
            if is_such and is_meant(change.source, way[1]) and is_meant(change.target, way[2]):
                yield change

    for way in before.keys() | after.keys():
        old, new = before.get(way, NOTHING), after.get(way, NOTHING)
        is_within = not any(isinstance(end, Network) for end in way)
        for (verdict, what), family in product((("allow", new - old), ("deny", old - new)), (4, 6)):
            found = list(about(way, verdict, family))
            if what.only(family):
                assert found, f"{verdict} of {what.only(family)} on {way} is not told"
            elif is_within:
                assert not found, f"on {way} nothing is different"
