"""What is to be changed so that zones have their limits and timeouts."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.ovs import zones
from app.ovs.zones import Held, Use, Wish

ZONES = st.integers(1, 6)
WISHES = st.builds(Wish, st.integers(0, 3), st.sampled_from([(), (("udp_first", 1),), (("udp_first", 2),)]))
HELD = st.dictionaries(ZONES, st.builds(Held, WISHES, st.booleans()))
WANTED = st.dictionaries(ZONES, WISHES)


def run(held: dict[int, Held], operations: list[dict[str, Any]]) -> dict[int, Held]:
    """What an OVSDB with these zones holds after the operations (RFC 7047, section 5.2), of which the last is the one
    on the map of zones."""
    policies: dict[str, tuple[tuple[str, int], ...]] = {}
    made: dict[str, Held] = {}
    result = dict(held)
    for operation in operations:
        row = operation.get("row", {})
        if operation["table"] == "CT_Timeout_Policy":
            policies[operation["uuid-name"]] = tuple(map(tuple, row["timeouts"][1]))
        elif operation["table"] == "CT_Zone":
            policy = row.get("timeout_policy")
            wish = Wish(row.get("limit", 0), policies[policy[1]] if policy else ())
            made[operation["uuid-name"]] = Held(wish, "ovswarden" in dict(row["external_ids"][1]))
        elif operation["op"] == "insert":
            result |= {zone: made[name] for zone, (_, name) in row["ct_zones"][1]}
        elif operation["table"] == "Datapath":
            for _, verb, value in operation["mutations"]:
                if verb == "delete":
                    result = {zone: each for zone, each in result.items() if zone not in value[1]}
                else:
                    result = {zone: made[name] for zone, (_, name) in value[1]} | result  # insert overwrites nothing
    return result


@given(HELD, WANTED, st.frozensets(ZONES), st.booleans(), st.booleans())
def test_afterwards_every_wish_holds_and_nothing_is_left_to_do(held, wanted, in_use, with_limits, exists):
    held = held if exists else {}
    if not with_limits:
        held = {zone: Held(Wish(0, each.wish.timeouts), each.ours) for zone, each in held.items()}
    datapath = "6d1f2b0e-0000-4000-8000-000000000000" if exists else None
    after = run(held, zones.operations("netdev", datapath, held, wanted, in_use, with_limits))
    for zone, wish in wanted.items():
        target = wish if with_limits else Wish(0, wish.timeouts)
        assert after.get(zone, Held(Wish(), ours=True)) == Held(target, ours=True)
    for zone in held.keys() - wanted.keys():
        kept = not held[zone].ours or zone in in_use
        assert after.get(zone) == (held[zone] if kept else None)
    assert zones.operations("netdev", datapath or "x", after, wanted, in_use, with_limits) == []


@given(WANTED, st.integers(1, 6), WISHES)
def test_one_changed_zone_is_one_zone_written(wanted, zone, wish):
    held = {each: Held(has, ours=True) for each, has in wanted.items() if has != Wish()}
    operations = zones.operations("netdev", "x", held, wanted | {zone: wish}, frozenset(), with_limits=True)
    assert {operation.get("uuid-name", "zone")[-1] for operation in operations} <= {str(zone), "e"}


@given(st.dictionaries(ZONES, st.integers(1, 3)), st.dictionaries(ZONES, st.integers(0, 3)), st.frozensets(ZONES))
def test_the_commands_set_what_is_wanted_and_nothing_else(held, wanted, released):
    after = dict(held)
    for command, arguments in zones.limit_commands(held, wanted, released):
        if command == "dpctl/ct-set-limits":
            pairs = [dict(part.split("=") for part in argument.split(",")) for argument in arguments]
            after |= {int(pair["zone"]): int(pair["limit"]) for pair in pairs}
        else:
            for zone in arguments[0].removeprefix("zone=").split(","):
                del after[int(zone)]
    assert 0 not in after.values(), "the userspace datapath takes 0 for no connections at all"
    for zone in held.keys() | wanted.keys():
        untouched = None if zone in released else held.get(zone)
        assert after.get(zone) == ((wanted[zone] or None) if zone in wanted else untouched)


def test_a_thousand_zones_are_two_commands_and_a_changed_one_is_one():
    wanted = dict.fromkeys(range(1, 1001), 100)
    assert [len(arguments) for _, arguments in zones.limit_commands({}, wanted)] == [500, 500]
    assert list(zones.limit_commands(wanted | {7: 3}, wanted)) == [("dpctl/ct-set-limits", ["zone=7,limit=100"])]
    assert list(zones.limit_commands(wanted, wanted)) == []


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("default limit=0\nzone=5,limit=3,count=2\nzone=70,limit=100000,count=0\n", {5: Use(3, 2), 70: Use(100000, 0)}),
        ("default limit=0\n", {}),
        ("", {}),
    ],
)
def test_the_limits_that_ovs_vswitchd_tells_are_understood(text, found):
    assert zones.parse_limits(text) == found
