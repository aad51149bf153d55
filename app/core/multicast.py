"""IP to many: outside, and to those ports of the segment whose policy admits it. Conntrack never sees it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import NamedTuple

from app.core.delivery import FROM_UPLINK
from app.core.flow import Action, Flow, Wanted, flow, goto, move, resubmit, set_field
from app.core.guards.dhcp import ALL_DHCP_SERVERS, CLIENTS, LIMITED_BROADCAST, SERVERS, messages
from app.core.guards.dropped import drop
from app.core.pipeline import FRAGMENT, IP_TYPES, EtherType, Priority, Reason, Reg, Table, Verdict, Way
from app.core.plugged import Seat, copy_to

# A packet's way may have 4096 steps (MAX_RESUBMITS of Open vSwitch). Each policy takes four, two more per address set,
# and one for guardrails: so many policies of a segment are asked, those first whose own rules may admit it, and the
# oldest of them. The ports of further ones get no multicast.
MOST_STEPS = 3600
# A flow-mod ends at 64 KiB: so many calls are made by one flow of ADMIT_LIST, each with an argument or two.
CALLS = 500

ASKED = tuple(resubmit(table) for table in (Table.POLICY, Table.SETS, Table.SERVERS))
GUARDED = tuple(resubmit(table) for table in (Table.POLICY, Table.SETS, Table.GUARDRAILS, Table.SERVERS))


class Listing(NamedTuple):
    """What it takes to ask a policy whether it admits something sent to many: the address sets that it asks about,
    whether guardrails are asked, and whether rules of its own may admit it, or only guardrails."""

    sets: int = 0
    guarded: bool = False
    by_rules: bool = True


# (number of a policy, chunks of ports that have it, how it is asked)
Listed = tuple[int, tuple[int, ...], Listing]


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
    yield flow(Table.MULTICAST_OUT, Priority.LAST, *drop(Reason.EGRESS))


def ask(policy: str, way: Way, call: Callable[[int], Action] = resubmit) -> tuple[Action, ...]:
    """Ask the policy whose number is in a register: about the packet as it is, or as `call` shows it."""
    return (
        move(policy, Reg.CALL, 32),
        set_field(Reg.DIRECTION, way),
        set_field(Reg.VERDICT, Verdict.NONE),
        call(Table.POLICY),
        resubmit(Table.SETS),
        call(Table.GUARDRAILS),
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
    for policy, chunks, listing in policies:
        asked = GUARDED if listing.guarded else ASKED
        actions += (set_field(Reg.CALL, policy), set_field(Reg.VERDICT, Verdict.NONE), *asked)
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
    """Those that are asked, in chunks: as many as one packet may take the steps for."""
    left, calls = MOST_STEPS, CALLS
    lists: list[list[Listed]] = []
    for listed in sorted(policies.values(), key=lambda listed: (not listed[2].by_rules, listed[0])):
        _, chunks, listing = listed
        made = len(GUARDED if listing.guarded else ASKED) + len(chunks)
        left -= made + 2 * listing.sets
        if left < 0:
            break
        calls += made
        if calls > CALLS:
            lists.append([])
            calls = made
        lists[-1].append(listed)
    return lists
