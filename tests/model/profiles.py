"""How long hypothesis tries: HYPOTHESIS_PROFILE is fast (the default), thorough, or mutants."""

from __future__ import annotations

import os

from hypothesis import HealthCheck, Phase, settings

PROFILE = os.environ.get("HYPOTHESIS_PROFILE", "fast")
FACTOR = {"fast": 1.0, "thorough": 30.0, "mutants": 0.5}.get(PROFILE, 1.0)
QUIET = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much]


def effort(examples: int, steps: int = 50) -> settings:
    """So many examples in the fast profile; only thorough ones are new every time: a gate is no place for surprises.
    Mutants' are not shrunk."""
    common = settings(
        max_examples=int(examples * FACTOR), stateful_step_count=steps, deadline=None, suppress_health_check=QUIET,
        print_blob=True, derandomize=PROFILE == "fast",
        phases=(Phase.explicit, Phase.reuse, Phase.generate, Phase.shrink),
    )  # fmt: skip
    if PROFILE == "mutants":
        return settings(common, derandomize=True, database=None, phases=(Phase.generate,), report_multiple_bugs=False)
    return common
