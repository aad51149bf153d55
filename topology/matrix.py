"""A lab's whole expectation, measured with real packets, and shown as a table."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass

from topology import probes
from topology.labs import Expect, Family
from topology.listeners import Listener
from topology.namespaces import Attached

PATIENCE = 3.0  # seconds for what should pass: it answers at once unless the machine is busy
BLOCKED = 0.7  # seconds after which what should not pass counts as blocked


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a row's probes found, in the order of `expect.probes`."""

    expect: Expect
    found: tuple[bool, ...]

    @property
    def holds(self) -> bool:
        """Whether every probe did what the row expects."""
        return all(passed == self.expect.passes for passed in self.found)

    @property
    def passes(self) -> bool | None:
        """True when all probes passed, False when none did, None when they disagree."""
        return self.found[0] if len(set(self.found)) == 1 else None

    @property
    def surprises(self) -> tuple[str, ...]:
        """The probes that did otherwise than expected."""
        pairs = zip(self.expect.probes, self.found, strict=True)
        return tuple(str(probe) for probe, passed in pairs if passed != self.expect.passes)


def measure(hosts: Mapping[str, Attached], rows: Sequence[Expect], family: Family = 4) -> tuple[Outcome, ...]:
    """Ask every probe of every row in one family, all in parallel, and give one outcome per row.

    Parallel is safe: each probe has a source port of its own, and each target answers everybody on one
    listener.
    """
    wanted: dict[str, list] = {}
    for row in rows:
        wanted.setdefault(row.target, []).extend(row.probes)
    questions = [(row, probe) for row in rows for probe in row.probes]
    with ExitStack() as stack:
        for target, asked in wanted.items():
            stack.enter_context(Listener(hosts[target], asked, family))
        pool = stack.enter_context(ThreadPoolExecutor(max(1, min(64, len(questions)))))
        answers = list(pool.map(lambda question: _ask(hosts, *question, family), questions))
    remaining = iter(answers)
    return tuple(Outcome(row, tuple(next(remaining) for _ in row.probes)) for row in rows)


def _ask(hosts: Mapping[str, Attached], row: Expect, probe, family: Family) -> bool:
    timeout = PATIENCE if row.passes else BLOCKED
    return probes.ask(hosts[row.source], hosts[row.target], probe, timeout, family)


def holds(outcomes: Iterable[Outcome]) -> bool:
    """Whether every row came out as expected."""
    return all(outcome.holds for outcome in outcomes)


def table(outcomes: Sequence[Outcome]) -> str:
    """The matrix as text, one row a line: a tick where it holds, a cross and the culprits where not."""
    lines = [f"   {'from':<8}{'to':<8}{'traffic':<16}{'expected':<10}measured"]
    words = {True: "passes", False: "blocked", None: "mixed"}
    for outcome in outcomes:
        row = outcome.expect
        why = "" if outcome.holds else f"  <- {', '.join(outcome.surprises)}"
        lines.append(
            f"{'✓' if outcome.holds else '✗'}  {row.source:<8}{row.target:<8}{row.traffic:<16}"
            f"{words[row.passes]:<10}{words[outcome.passes]}{why}"
        )
    return "\n".join(lines)
