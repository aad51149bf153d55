"""Limits and timeouts of conntrack zones: what is to be changed where. Pure.

OVSDB says per datapath type which zones have a timeout policy and, from Open vSwitch 3.3, a limit
(ovs-vswitchd.conf.db(5): Open_vSwitch:datapaths, Datapath:ct_zones, CT_Zone, CT_Timeout_Policy). Before, limits are set
by ovs-vswitchd's control socket (ovs-vswitchd(8), ovs-dpctl(8): dpctl/ct-set-limits) and are lost when it restarts.
"""

from __future__ import annotations

import re
from collections.abc import Container, Iterable, Iterator, Mapping
from typing import Any, NamedTuple

MARK = {"ovswarden": "zone"}  # external_ids of what we made
PER_COMMAND = 500  # zones in one command, of about 30 bytes each
LINE = re.compile(r"zone=(\d+),limit=(\d+),count=(\d+)", re.ASCII)
# Userspace conntrack counts a zone's connections only from when it got a limit: a zone without one gets this.
NEVER_REACHED = (1 << 32) - 1
Timeouts = tuple[tuple[str, int], ...]
Operation = dict[str, Any]


class Wish(NamedTuple):
    """What a zone should have: connections at most, 0 without a limit, and timeouts in seconds by name."""

    limit: int = 0
    timeouts: Timeouts = ()


class Held(NamedTuple):
    """What a zone has in a database, and whether we wrote it."""

    wish: Wish
    ours: bool


class Use(NamedTuple):
    """How many connections a zone may have, and how many it has; None: not told."""

    limit: int
    connections: int | None


# -- OVSDB


def operations(
    type: str,
    datapath: str | None,
    held: Mapping[int, Held],
    wanted: Mapping[int, Wish],
    in_use: Container[int],
    with_limits: bool,
) -> list[Operation]:
    """The operations (RFC 7047, section 5.2) that give the zones of a datapath type what they should have.

    `datapath` is the UUID of its row, made if there is none and it is needed. A zone of ours is taken away when it is
    not `in_use` by any tenant; a zone that others wrote is changed if it is wanted, and otherwise left alone.
    """
    targets = {zone: _stored(wish, with_limits) for zone, wish in wanted.items()}
    gone = {zone for zone, each in held.items() if each.ours and zone not in targets and zone not in in_use}
    gone |= {zone for zone, wish in targets.items() if wish == Wish() and zone in held}
    new = {
        zone: wish
        for zone, wish in targets.items()
        if wish != Wish() and (zone not in held or held[zone] != Held(wish, ours=True))
    }
    if not gone and not new:
        return []
    made = [operation for zone, wish in sorted(new.items()) for operation in _rows(zone, wish)]
    added = ["map", [[zone, ["named-uuid", f"zone{zone}"]] for zone in sorted(new)]]
    if datapath is None:
        row = {"ct_zones": added, "external_ids": _map(MARK)}
        entry = ["map", [[type, ["named-uuid", "datapath"]]]]
        return [
            *made,
            {"op": "insert", "table": "Datapath", "uuid-name": "datapath", "row": row},
            {"op": "mutate", "table": "Open_vSwitch", "where": [], "mutations": [["datapaths", "insert", entry]]},
        ]
    touched = ["set", sorted(gone | (new.keys() & held.keys()))]
    mutations = ([["ct_zones", "delete", touched]] if touched[1] else []) + (
        [["ct_zones", "insert", added]] if new else []
    )
    where = [["_uuid", "==", ["uuid", datapath]]]
    return [*made, {"op": "mutate", "table": "Datapath", "where": where, "mutations": mutations}]


def _stored(wish: Wish, with_limits: bool) -> Wish:
    return wish if with_limits else Wish(0, wish.timeouts)


def _rows(zone: int, wish: Wish) -> Iterator[Operation]:
    row: dict[str, Any] = {"external_ids": _map(MARK)}
    if wish.limit:
        row["limit"] = wish.limit
    if wish.timeouts:
        policy = {"timeouts": _map(dict(wish.timeouts)), "external_ids": _map(MARK)}
        yield {"op": "insert", "table": "CT_Timeout_Policy", "uuid-name": f"policy{zone}", "row": policy}
        row["timeout_policy"] = ["named-uuid", f"policy{zone}"]
    yield {"op": "insert", "table": "CT_Zone", "uuid-name": f"zone{zone}", "row": row}


def _map(content: Mapping[str, Any]) -> list[Any]:
    return ["map", [[key, value] for key, value in content.items()]]


# -- the control socket


def parse_limits(text: str) -> dict[int, Use]:
    """The answer of dpctl/ct-get-limits."""
    return {int(zone): Use(int(limit), int(count)) for zone, limit, count in LINE.findall(text)}


def counts_by_limit(datapath: str) -> bool:
    """Whether a datapath, named as dpctl does, counts the connections of zones with a limit only."""
    return datapath.startswith("netdev@")


def limit_commands(
    held: Mapping[int, int], wanted: Mapping[int, int], released: Iterable[int] = ()
) -> Iterator[tuple[str, list[str]]]:
    """The commands, with their arguments, that give zones their limits. `released` zones have none any more.

    A limit of 0 is never set: the userspace datapath takes it for no connections at all.
    """
    unlimited = {zone for zone, limit in wanted.items() if not limit} | (set(released) - wanted.keys())
    sets = [f"zone={zone},limit={limit}" for zone, limit in sorted(wanted.items()) if limit and held.get(zone) != limit]
    deletes = [str(zone) for zone in sorted(unlimited) if zone in held]
    for start in range(0, len(sets), PER_COMMAND):
        yield "dpctl/ct-set-limits", sets[start : start + PER_COMMAND]
    for start in range(0, len(deletes), PER_COMMAND):
        yield "dpctl/ct-del-limits", ["zone=" + ",".join(deletes[start : start + PER_COMMAND])]
