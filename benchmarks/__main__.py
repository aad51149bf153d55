"""``python -m benchmarks [connect|hub|rest|groups|stateless|scan|faults]``, as root: see docs/performance.md."""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path

from benchmarks import connect, faults, flood, full_zone, fuzz, groups, hub, report, rest, scan, stateless
from benchmarks.report import Row
from benchmarks.site import Site, site
from benchmarks.world import World
from topology import SwitchError, isolated

BIG = ("connect", "hub", "rest")  # they share a switch, in this order
ALL = (*BIG, "groups", "stateless", "scan")
TRIALS = ("faults", "flood", "crowd", "fuzz")  # they have a verdict, and last; only when they are named


def main(arguments: Sequence[str] | None = None) -> int:
    """Run and print. The network is a private one; the machine's own is left alone. 1 if a promise was broken."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=main.__doc__)
    parser.add_argument("which", nargs="*", choices=[*ALL, *TRIALS, []], help=f"{' '.join(ALL)}, if none is named")
    parser.add_argument("--ports", type=int, default=10_000)
    parser.add_argument("--tenants", type=int, default=1_000)
    parser.add_argument("--seconds", type=float, default=60, help="of a long fault, of the flood")
    parser.add_argument("--only", action="append", default=[], metavar="NAME", help="faults whose name contains this")
    parser.add_argument("--connections", type=int, default=100_000, help="of the crowd")
    parser.add_argument("--minutes", type=float, default=30, help="of the fuzz")
    parser.add_argument("--seed", type=int, default=0, help="of the fuzz")
    chosen = parser.parse_args(arguments)
    which = chosen.which or ALL
    print(report.heading(), flush=True)
    with isolated(), tempfile.TemporaryDirectory(prefix="bench", dir="/tmp") as name:
        directory, kept = Path(name), True
        if set(BIG) & set(which):
            with site(directory / "big", World(chosen.ports, chosen.tenants)) as place:
                kept = _big(place, which)
        if "groups" in which:
            with site(directory / "small", World(ports=1, tenants=1)) as place:
                _groups(place)
        if "stateless" in which:
            _stateless(directory)
        if "scan" in which:
            found, results = scan.run(directory / "scan", scan.scans())
            _show("scan", scan.report(found, results), scan.COLUMNS)
        trials = {
            "faults": lambda: _faults(directory / "faults", chosen.only, chosen.seconds),
            "flood": lambda: _flood(directory / "flood", chosen.seconds),
            "crowd": lambda: _crowd(directory / "crowd", chosen.connections),
            "fuzz": lambda: _fuzz(directory / "fuzz", chosen.minutes, chosen.seed),
        }
        verdicts = [kept, *(work() for name, work in trials.items() if name in which)]
        return int(not all(verdicts))


def _big(place: Site, which: Sequence[str]) -> bool:
    if "connect" in which:
        _show("connect", connect.report(place, connect.run(place)))
    else:
        place.controller.start()
        place.load()
        connect.connected(place, place.connect())
    if "hub" in which:
        _show("hub", hub.report(place, hub.run(place)))
    crowds = list(rest.run(place)) if "rest" in which else []
    if crowds:
        _show("rest", rest.report(place, crowds), rest.COLUMNS)
    return _kept(rest.broken(crowds))


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


def _faults(directory: Path, only: Sequence[str], seconds: float) -> bool:
    results = []
    for result in faults.run(directory, faults.named(only), seconds):
        results.append(result)
        _show("fault", faults.report([result]), faults.COLUMNS)  # each at once: the whole takes minutes
    _show("fault", faults.report(results), faults.COLUMNS)
    return faults.kept(results)


def _flood(directory: Path, seconds: float) -> bool:
    found = flood.run(directory, flood.Size(seconds))
    _show("flood", flood.report(found), flood.COLUMNS)
    return _kept(flood.broken(found))


def _crowd(directory: Path, connections: int) -> bool:
    result = full_zone.run(directory, connections)
    _show("crowd", full_zone.report(result), full_zone.COLUMNS)
    return not result.failed


def _fuzz(directory: Path, minutes: float, seed: int) -> bool:
    result = fuzz.run(directory, 60 * minutes, seed)
    _show("fuzz", fuzz.report(result), fuzz.COLUMNS)
    return not result.wrong


def _kept(wrong: Sequence[str]) -> bool:
    for text in wrong:
        print(f"WRONG: {text}", flush=True)
    return not wrong


def _show(title: str, rows: Iterable[Row], columns: Row = report.STALLS) -> None:
    print("\n" + report.table(title, rows, columns), flush=True)


if __name__ == "__main__":
    sys.exit(main())
