"""What a remote group costs: its flows, and adding and removing a member. The peer is the same policy written out as a
rule for each member and port, as it would have to be without sets."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from statistics import median
from typing import Any

from benchmarks.client import Client, put_all
from benchmarks.report import Row
from benchmarks.site import Site
from benchmarks.world import DPID, PREFIX, Put

SIZES = (250, 500, 1_000, 2_000)
RULES = 20
CHANGES = 15
TENANT = "/v1/tenants/groups"
PER_GROUP = 49  # members written out in one group: with one more its rules are 1000, the most a group has
SECONDS = 60.0
COLUMNS = ("flows", "adding a member", "removing a member")


@dataclass(slots=True)
class Changes:
    """One kind of change, made several times: seconds until confirmed, and flow-mods."""

    seconds: list[float] = field(default_factory=list)
    flow_mods: list[int] = field(default_factory=list)

    def __str__(self) -> str:
        mods = "/".join(str(number) for number in sorted(set(self.flow_mods)))
        return f"{mods} flow-mods, {1000 * median(self.seconds):.1f} ms"


@dataclass(slots=True)
class Result:
    """Of one size of the group: the flows that the policy adds to the switch, and changes of one member."""

    name: str
    flows: int
    added: Changes
    removed: Changes


def run(site: Site, sizes: Sequence[int] = SIZES, count: int = CHANGES, product: int = 1_000) -> Iterator[Result]:
    """The controller runs; the switch is connected or will be. `product` is the size that is written out, too."""
    put_all(site.controller.rest, site.controller.token, [(TENANT, {})], clients=1)
    client = site.client()
    try:
        yield from _with_sets(site, client, sizes, count)
        if product:
            yield _written_out(site, client, product, count)
    finally:
        client.close()


def _with_sets(site: Site, client: Client, sizes: Sequence[int], count: int) -> Iterator[Result]:
    client.ask("PUT", f"{TENANT}/groups/members", {"rules": []})
    client.ask("PUT", f"{TENANT}/groups/service", {"rules": []})
    client.ask("PUT", f"{TENANT}/ports/service?wait=30s", _service("service"))
    empty, present = _flows(site), 0
    client.ask("PUT", f"{TENANT}/groups/service?wait=30s", {"rules": list(_rules(remote_group="members"))})
    for size in sizes:
        put_all(site.controller.rest, site.controller.token, [member(n) for n in range(present, size)])
        present = size
        result = Result(f"remote group, {size} members", _flows(site) - empty, Changes(), Changes())
        for number in range(size, size + count):
            path, body = member(number)
            _change(site, client, result.added, "PUT", path, body)
            _change(site, client, result.removed, "DELETE", path)
        yield result


def _written_out(site: Site, client: Client, size: int, count: int) -> Result:
    """The members are in no group; the service carries as many groups as the rules need."""
    names = [f"part-{start}" for start in range(0, size, PER_GROUP)]
    client.ask("PUT", f"{TENANT}/ports/service?wait=30s", _service())
    empty = _flows(site)
    for name, start in zip(names, range(0, size, PER_GROUP), strict=True):
        client.ask("PUT", f"{TENANT}/groups/{name}", _listed(range(start, min(start + PER_GROUP, size))))
    client.ask("PUT", f"{TENANT}/ports/service?wait=30s", _service(*names))
    result = Result(f"a rule for each of {size} members", _flows(site) - empty, Changes(), Changes())
    path, first = f"{TENANT}/groups/{names[-1]}", size - (size - 1) % PER_GROUP - 1
    for _ in range(count):
        _change(site, client, result.added, "PUT", path, _listed(range(first, size + 1)))
        _change(site, client, result.removed, "PUT", path, _listed(range(first, size)))
    return result


def member(number: int) -> Put:
    """A port of the group that is plugged nowhere here: what it adds is the policy's, not its own."""
    body = {"mac": "52:54:01:" + number.to_bytes(3).hex(":"), "addresses": [_address(number)], "groups": ["members"]}
    return f"{TENANT}/ports/m{number}", body


def _service(*groups: str) -> dict[str, Any]:
    binding = {"switch": DPID, "interface": f"{PREFIX}{0}"}
    return {"mac": "52:54:02:00:00:01", "addresses": ["10.250.0.1"], "groups": groups, "binding": binding}


def _rules(**remote: str) -> Iterator[dict[str, Any]]:
    for number in range(RULES):
        port = 8000 + 2 * number
        rule = {"direction": "ingress", "protocol": "tcp", "port_min": port, "port_max": port}
        yield {"key": f"r{number}-" + re.sub("[./]", "-", *remote.values()), **rule, **remote}


def _listed(members: range) -> dict[str, Any]:
    return {"rules": [rule for number in members for rule in _rules(remote_cidr=f"{_address(number)}/32")]}


def _address(number: int) -> str:
    return f"10.251.{number >> 8}.{number & 255}"


def _change(site: Site, client: Client, into: Changes, method: str, path: str, body: Any = None) -> None:
    before = site.status()["flow_mods"]
    into.seconds.append(client.timed(method, f"{path}?wait=10s", body))
    into.flow_mods.append(site.status()["flow_mods"] - before)


def _flows(site: Site) -> int:
    """How many flows the switch has, once it is in step."""
    end = time.monotonic() + SECONDS
    while (status := site.status())["state"] != "synced":
        if time.monotonic() > end:
            raise TimeoutError(f"the switch is not in step: {status}")
        time.sleep(0.02)
    return len(site.ovs.ofctl("--no-stats", "dump-flows").splitlines())


def report(results: Sequence[Result]) -> Iterator[Row]:
    """The rows of the printed table; `COLUMNS` are their heads."""
    for result in results:
        yield result.name, str(result.flows), str(result.added), str(result.removed)
