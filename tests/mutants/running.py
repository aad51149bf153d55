"""Runs the model tests against mutants, each in a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.mutants.catalogue import CONTROL, MUTANTS
from tests.mutants.loading import infect
from tests.mutants.mutant import Mutant

ROOT = Path(__file__).parents[2]
TESTS = (
    "model/test_frames",
    "model/test_frames_ip",
    "model/test_conntrack",
    "model/test_full_zones",
    "model/test_rates",
    "model/test_claims",
    "model/test_policies",
    "model/test_histories",
    "model/test_pushes",
    "core/test_zones",
    "core/test_guardrails",
    "core/test_guardrail_changes",
    "core/test_program_turns",
    "core/test_session_audit",
    "core/test_session_meters",
)
# The test to begin with, where it is not the first one.
LIKELY = {
    module: test
    for test, modules in {
        "model/test_frames_ip": ("guards.nd", "guards.unspecified", "guards.dhcp", "guards.ip", "arrival", "multicast"),
        "model/test_policies": ("policy", "mirror", "verdicts", "members", "overrides"),
        "model/test_histories": ("program", "numbers", "seating", "inventory", "copies"),
        "core/test_program_turns": ("policies",),
        "model/test_claims": ("claims",),
        "model/test_pushes": ("session", "ledger", "audit"),
        "model/test_full_zones": ("commits",),
        "model/test_rates": ("rates",),
        "core/test_zones": ("zones",),
        "core/test_guardrail_changes": ("guardrails",),
    }.items()
    for module in modules
}
SURVIVED, CAUGHT = 0, 1
PATIENCE = 120  # seconds


@dataclass(frozen=True)
class Verdict:
    """`test` is the first that failed; None: the mutant survived."""

    mutant: Mutant
    test: str | None


class _First:
    """Remembers the first test that fails."""

    test: str | None = None

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.failed:
            self.test = self.test or report.nodeid

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        if report.failed:
            self.test = self.test or f"{report.nodeid} (import)"


def run_here(name: str) -> int:
    """In a fresh process: become the mutant, run the tests, print the first that fails."""
    mutant = next(mutant for mutant in (CONTROL, *MUTANTS) if mutant.name == name)
    infect(mutant)
    first = _First()
    tests = dict.fromkeys((LIKELY.get(mutant.module, TESTS[0]), *TESTS))
    files = [f"tests/{test}.py" for test in tests]
    pytest.main(["-x", "-q", "--no-header", "--tb=line", "-p", "no:cacheprovider", *files], plugins=[first])
    print(f"\n{first.test or ''}")
    return CAUGHT if first.test else SURVIVED


def verdict(mutant: Mutant) -> Verdict:
    """Run a mutant in a process of its own. RuntimeError if that neither passes nor fails."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.mutants", "--run", mutant.name], cwd=ROOT, capture_output=True, text=True,
        env=os.environ | {"HYPOTHESIS_PROFILE": "mutants"}, timeout=PATIENCE, check=False,
    )  # fmt: skip
    said = done.stdout.strip().splitlines()
    if done.returncode == CAUGHT and said and "::" in said[-1]:
        return Verdict(mutant, said[-1])
    if done.returncode == SURVIVED:
        return Verdict(mutant, None)
    raise RuntimeError(f"{mutant.name}: {done.stdout[-2000:]}{done.stderr[-2000:]}")


def verdicts(mutants: Iterable[Mutant]) -> Iterator[Verdict]:
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        yield from pool.map(verdict, mutants)
