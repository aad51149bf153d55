"""``python -m benchmarks [connect|hub|groups|stateless|scan]``, as root: see docs/performance.md."""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path

from benchmarks import connect, groups, hub, report, scan, stateless
from benchmarks.report import Row
from benchmarks.site import Site, site
from benchmarks.world import World
from topology import SwitchError, isolated

BIG = ("connect", "hub")  # they share a switch, in this order
ALL = (*BIG, "groups", "stateless", "scan")


def main(arguments: Sequence[str] | None = None) -> None:
    """Run and print. The network is a private one; the machine's own is left alone."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=main.__doc__)
    parser.add_argument("which", nargs="*", choices=[*ALL, []], help="all, if none is named")
    parser.add_argument("--ports", type=int, default=10_000)
    parser.add_argument("--tenants", type=int, default=1_000)
    chosen = parser.parse_args(arguments)
    which = chosen.which or ALL
    print(report.heading(), flush=True)
    with isolated(), tempfile.TemporaryDirectory(prefix="bench", dir="/tmp") as name:
        directory = Path(name)
        if set(BIG) & set(which):
            with site(directory / "big", World(chosen.ports, chosen.tenants)) as place:
                _big(place, which)
        if "groups" in which:
            with site(directory / "small", World(ports=1, tenants=1)) as place:
                _groups(place)
        if "stateless" in which:
            _stateless(directory)
        if "scan" in which:
            found, results = scan.run(directory / "scan", scan.scans())
            _show("scan", scan.report(found, results), scan.COLUMNS)


def _big(place: Site, which: Sequence[str]) -> None:
    if "connect" in which:
        _show("connect", connect.report(place, connect.run(place)))
    else:
        place.controller.start()
        place.load()
        connect.connected(place, place.connect())
    if "hub" in which:
        _show("hub", hub.report(place, hub.run(place)))


def _groups(place: Site) -> None:
    place.controller.start()
    place.connect()
    place.controller.wait_connected()
    _show("groups", groups.report(list(groups.run(place))), groups.COLUMNS)


def _stateless(directory: Path) -> None:
    for number, (means, fed, clients) in enumerate(stateless.PARTS):
        try:
            results = list(stateless.run(directory / f"stateless{number}", means, fed, clients))
        except SwitchError as error:
            print(f"\nstateless, {means.name}: not possible here: {error}", flush=True)
        else:
            _show("stateless", stateless.report(results), stateless.COLUMNS)


def _show(title: str, rows: Iterable[Row], columns: Row = report.STALLS) -> None:
    print("\n" + report.table(title, rows, columns), flush=True)


if __name__ == "__main__":
    main()
