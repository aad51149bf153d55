"""The mechanism works: mutants fit the source, and a few are caught. ``python -m tests.mutants`` runs all."""

from __future__ import annotations

import pytest

from tests.mutants.catalogue import MUTANTS
from tests.mutants.loading import Stale, mutated_source, source_of
from tests.mutants.mutant import Mutant
from tests.mutants.running import verdict

FEW = ("the epoch is not compared", "IPv4 under any source MAC", "a changed policy is not compiled again")


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_a_mutant_fits_the_source_as_it_is_and_still_compiles(mutant: Mutant) -> None:
    compile(mutated_source(mutant, source_of(mutant)), mutant.module, "exec")


def test_a_mutant_that_no_longer_fits_is_not_taken_for_caught() -> None:
    with pytest.raises(Stale):
        mutated_source(Mutant("x", "policy", "never there", ""), "source")


@pytest.mark.parametrize("mutant", [mutant for mutant in MUTANTS if mutant.name in FEW], ids=lambda mutant: mutant.name)
def test_a_broken_compiler_is_caught(mutant: Mutant) -> None:
    assert verdict(mutant).test is not None
