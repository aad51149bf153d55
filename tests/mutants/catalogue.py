"""All mutants."""

from __future__ import annotations

from tests.mutants import (
    of_delivery,
    of_guardrails,
    of_guards,
    of_limits,
    of_neighbours,
    of_policies,
    of_state,
    of_verdicts,
)
from tests.mutants.mutant import Mutant

# Changes nothing: shows that the tests fail because of what the others change.
CONTROL = Mutant("(nothing is changed)", "policy", "import annotations\n", "import annotations\n")

MUTANTS = (
    *of_guards.MUTANTS,
    *of_neighbours.MUTANTS,
    *of_delivery.MUTANTS,
    *of_verdicts.MUTANTS,
    *of_policies.MUTANTS,
    *of_guardrails.MUTANTS,
    *of_limits.MUTANTS,
    *of_state.MUTANTS,
)

__all__ = ["CONTROL", "MUTANTS", "Mutant"]
