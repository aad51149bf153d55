"""What each fault does to allowed and to forbidden traffic: every cell on a real switch under live streams and probes.

The rows of the table are `CELLS` of the modules faults_of_*. A cell leaks if a forbidden frame arrived anywhere, and
breaks its promise if it loses allowed packets although the datapath itself kept running.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks import faults_of_controller, faults_of_switch
from benchmarks.fault_site import LIVE, Cell, FaultSite, NotHere, fault_site
from benchmarks.report import Row
from benchmarks.watch import Seen, Watch
from topology.controller import ControllerError

CELLS: tuple[Cell, ...] = (*faults_of_controller.CELLS, *faults_of_switch.CELLS)
COLUMNS = ("sent", "lost", "longest gap", "TCP again", "forbidden", "leaked", "note")
QUIET = Cell("no fault", lambda site, seconds: "for comparison")
PATIENCE = 15.0  # seconds until everything is as it was


@dataclass(frozen=True, slots=True)
class Result:
    """What a cell did to the traffic, what there is to say, and what is wrong."""

    cell: Cell
    seen: Seen | None
    note: str
    wrong: tuple[str, ...]


def named(names: Sequence[str]) -> list[Cell]:
    """The cells whose names contain one of these; all, if none is given. Raises ValueError for one that fits none."""
    for name in names:
        if not any(name in cell.name for cell in (QUIET, *CELLS)):
            raise ValueError(f"no fault {name!r}: " + ", ".join(cell.name for cell in CELLS))
    return [cell for cell in (QUIET, *CELLS) if not names or any(name in cell.name for name in names)]


def run(directory: Path, cells: Sequence[Cell], seconds: float) -> Iterator[Result]:
    """One cell after the other on one switch. `seconds` is how long those last that have a length."""
    with fault_site(directory) as site:
        for cell in cells:
            yield judge(site, cell, seconds)


def judge(site: FaultSite, cell: Cell, seconds: float) -> Result:
    """Run one cell under live streams and probes, and say what was wrong."""
    flows = len(site.flows())
    live = LIVE if cell.keeps_connections else [each for each in LIVE if each.forwards]
    watch = Watch(site.fabric, [each.how for each in live], site.probes, site.control)
    wrong: list[str] = []
    try:
        note = cell.work(site, seconds)
    except NotHere as error:
        watch.close()
        return Result(cell, None, f"not possible here: {error}", ())
    except (AssertionError, ControllerError) as error:
        note = ""
        wrong.append(f"{type(error).__name__}: {error}")
    if stopped := watch.alive(PATIENCE):
        wrong.append(f"did not go on: {', '.join(stopped)}")
    seen = watch.close()
    wrong += _broken(site, flows, cell, seen)
    return Result(cell, seen, note, tuple(wrong))


def _broken(site: FaultSite, flows: int, cell: Cell, seen: Seen) -> Iterator[str]:
    if seen.leaked:
        yield "leaked: " + ", ".join(f"{count} x {name}" for name, count in seen.leaked.items())
    if cell.datapath_runs and (seen.lost or seen.broken):
        yield f"lost {seen.lost} {' '.join(seen.broken)}".rstrip()
    if not seen.heard:
        yield "the honest frames did not arrive"
    try:
        site.controller.wait_connected(seconds=PATIENCE)
        if (number := len(site.flows())) != flows or number != site.status()["flows"]:
            yield f"{number} flows, and {flows} before"
    except (ControllerError, OSError) as error:
        yield f"not in step again: {error}"


def report(results: Sequence[Result]) -> Iterator[Row]:
    """The rows of the printed table; `COLUMNS` are their heads."""
    for result in results:
        seen, note = result.seen, "; ".join(filter(None, (result.note, *(f"WRONG: {text}" for text in result.wrong))))
        if seen is None:
            yield result.cell.name, *[""] * 6, note
            continue
        lost = f"{seen.lost}" + ("" if result.cell.datapath_runs else " (may)")
        yield (
            result.cell.name, f"{seen.sent}", lost, f"{seen.gap:.2f} s", f"{seen.resent}", f"{seen.probes}",
            f"{seen.leaked.total()}", note,
        )  # fmt: skip


def kept(results: Sequence[Result]) -> bool:
    """Whether every promise was kept."""
    return not any(result.wrong for result in results)
