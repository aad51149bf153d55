"""IP to many: outside, and to those ports of the segment whose policy admits it. Conntrack never sees it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

from app.core.delivery import FROM_UPLINK
from app.core.flow import Action, Flow, Wanted, flow, goto, move, resubmit, set_field
from app.core.guards.dhcp import ALL_DHCP_SERVERS, CLIENTS, LIMITED_BROADCAST, SERVERS, messages
from app.core.guards.dropped import drop
from app.core.pipeline import FRAGMENT, IP_TYPES, EtherType, Priority, Reason, Reg, Table, Verdict, Way
from app.core.plugged import Seat, copy_to

# A packet's way may have 4096 steps (MAX_RESUBMITS of Open vSwitch). Each policy takes four, and two more per address
# set: so many policies of a segment are asked, the oldest first. The ports of further ones get no multicast.
MOST_STEPS = 3600
# A flow-mod ends at 64 KiB: so many calls are made by one flow of ADMIT_LIST, each with an argument or two.
CALLS = 500

ASKED = tuple(resubmit(table) for table in (Table.POLICY, Table.SETS, Table.SERVERS))

# (number of a policy, chunks of ports that have it, its address sets for what it receives)
Listed = tuple[int, tuple[int, ...], int]


def fixed_flows() -> Iterator[Flow]:
    to_all = resubmit(Table.OUTPUT), goto(Table.ADMIT)
    for family in IP_TYPES:
        # Only conntrack could tell what a fragment belongs to.
        fragment: Wanted = {"eth_type": family, "ip_frag": FRAGMENT}
        yield flow(Table.MULTICAST, Priority.EXEMPT, goto(Table.OUTPUT), **fragment, **FROM_UPLINK)
        yield flow(Table.MULTICAST, Priority.DENY, **fragment)
        yield flow(Table.MULTICAST, Priority.INFRASTRUCTURE, *to_all, eth_type=family, **FROM_UPLINK)
        yield flow(
            Table.MULTICAST, Priority.CLASS, *ask(Reg.SRC_POLICY, Way.EGRESS), goto(Table.MULTICAST_OUT),
            eth_type=family,
        )  # fmt: skip
    allowed = set_field(Reg.VERDICT, Verdict.ALLOWED)
    for dhcp in messages(CLIENTS, SERVERS):
        anywhere: Wanted = {"ipv6_dst": ALL_DHCP_SERVERS}
        if dhcp["eth_type"] == EtherType.IPV4:
            anywhere = {"ipv4_src": 0, "ipv4_dst": LIMITED_BROADCAST}
        yield flow(Table.MULTICAST, Priority.OWN, allowed, goto(Table.MULTICAST_OUT), **dhcp, **anywhere)
    yield flow(Table.MULTICAST, Priority.OTHERWISE, goto(Table.OUTPUT))
    yield flow(Table.MULTICAST_OUT, Priority.OWN, *to_all, **{Reg.VERDICT: int(Verdict.ALLOWED)})
    yield flow(Table.MULTICAST_OUT, Priority.OWN, *drop(Reason.DHCP), **{Reg.VERDICT: int(Verdict.SERVER)})


def ask(policy: str, way: Way, call: Callable[[int], Action] = resubmit) -> tuple[Action, ...]:
    """Ask the policy whose number is in a register: about the packet as it is, or as `call` shows it."""
    return (
        move(policy, Reg.CALL, 32),
        set_field(Reg.DIRECTION, way),
        set_field(Reg.VERDICT, Verdict.NONE),
        call(Table.POLICY),
        resubmit(Table.SETS),
        call(Table.SERVERS),
    )


def admit_flows(segment: int, chunks: int) -> Iterator[Flow]:
    """The policies of a segment that may admit something to many: call their chunks."""
    calls = [action for n in range(chunks) for action in (set_field(Reg.RULE, n), resubmit(Table.ADMIT_LIST))]
    if calls:
        yield flow(Table.ADMIT, Priority.OWN, set_field(Reg.DIRECTION, Way.INGRESS), *calls, **{Reg.SEGMENT: segment})


def list_flows(segment: int, number: int, policies: Sequence[Listed]) -> Iterator[Flow]:
    """One chunk of them: ask each, and let the ports of those that allow it have a copy."""
    actions: list[Action] = []
    for policy, chunks, _ in policies:
        actions += (set_field(Reg.CALL, policy), set_field(Reg.VERDICT, Verdict.NONE), *ASKED)
        for chunk in chunks:
            actions += (set_field(Reg.RULE, chunk), resubmit(Table.ADMIT_PORTS))
    if actions:
        yield flow(Table.ADMIT_LIST, Priority.OWN, *actions, **{Reg.SEGMENT: segment, Reg.RULE: number})


def ports_flows(segment: int, policy: int, chunk: int, seats: Sequence[Seat]) -> Iterator[Flow]:
    if seats:
        match = {Reg.SEGMENT: segment, Reg.CALL: policy, Reg.RULE: chunk, Reg.VERDICT: int(Verdict.ALLOWED)}
        yield flow(Table.ADMIT_PORTS, Priority.OWN, *(a for seat in seats for a in copy_to(seat)), **match)


def flood_flows(segment: int, chunks: Sequence[int]) -> Iterator[Flow]:
    """The copy list of a segment: its chunks."""
    calls = [action for chunk in chunks for action in (set_field(Reg.CALL, chunk), resubmit(Table.FLOOD_CHUNK))]
    if calls:
        yield flow(Table.FLOOD, Priority.OWN, *calls, **{Reg.SEGMENT: segment})


def chunk_flows(segment: int, chunk: int, seats: Sequence[Seat]) -> Iterator[Flow]:
    """The ports of one chunk of a segment's copy list."""
    if seats:
        outputs = (action for seat in seats for action in copy_to(seat))
        yield flow(Table.FLOOD_CHUNK, Priority.OWN, *outputs, **{Reg.SEGMENT: segment, Reg.CALL: chunk})


def within_reach(policies: Mapping[int, Listed]) -> list[list[Listed]]:
    """Those that are asked, in chunks: the oldest, as many as one packet may take the steps for."""
    left, calls = MOST_STEPS, CALLS
    lists: list[list[Listed]] = []
    for number in sorted(policies):
        listed = policies[number]
        made = len(ASKED) + len(listed[1])
        left -= made + 2 * listed[2]
        if left < 0:
            break
        calls += made
        if calls > CALLS:
            lists.append([])
            calls = made
        lists[-1].append(listed)
    return lists
