"""``python -m tests.mutants [WORD...]``: the table mutant -> test that caught it.

Exit status 1 if one survives, or if the tests fail although nothing is changed.
"""

from __future__ import annotations

import sys

from tests.mutants.catalogue import CONTROL, MUTANTS
from tests.mutants.running import run_here, verdicts


def main(words: list[str]) -> int:
    if words[:1] == ["--run"]:
        return run_here(words[1])
    chosen = [mutant for mutant in MUTANTS if all(word in f"{mutant.module} {mutant.name}" for word in words)]
    survivors = failures = 0
    for verdict in verdicts([CONTROL, *chosen]):
        if verdict.mutant == CONTROL:
            failures += verdict.test is not None
            what = f"FAILED {verdict.test}" if verdict.test else "all tests pass, as they should"
        else:
            survivors += verdict.test is None
            what = verdict.test or "SURVIVED"
        print(f"{verdict.mutant.module:12} {verdict.mutant.name:64} {what}", flush=True)
    print(f"{len(chosen) - survivors} of {len(chosen)} mutants caught")
    return 1 if survivors or failures or not chosen else 0


sys.exit(main(sys.argv[1:]))
