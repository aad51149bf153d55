"""Imports one module of `app.core` with a piece of its source replaced."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from importlib.util import find_spec, spec_from_file_location
from pathlib import Path
from types import CodeType, ModuleType

from tests.mutants.mutant import Mutant


class Stale(Exception):
    """The source that a mutant replaces is not there, or there more than once."""


def mutated_source(mutant: Mutant, source: str) -> str:
    found = source.count(mutant.old)
    if found != 1:
        raise Stale(f"{mutant.name}: {mutant.old!r} is {found} times in app.core.{mutant.module}")
    return source.replace(mutant.old, mutant.new)


def source_of(mutant: Mutant) -> str:
    spec = find_spec(f"app.core.{mutant.module}")
    assert spec is not None
    assert spec.origin is not None
    return Path(spec.origin).read_text()


class _Loader(SourceFileLoader):
    mutant: Mutant

    def get_code(self, fullname: str) -> CodeType:
        source = Path(self.path).read_text()
        return compile(mutated_source(self.mutant, source), self.path, "exec")  # type: ignore[no-any-return]


class _Finder(MetaPathFinder):
    def __init__(self, mutant: Mutant) -> None:
        self._mutant = mutant

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if fullname != f"app.core.{self._mutant.module}":
            return None
        found = PathFinder.find_spec(fullname, path)
        assert found is not None
        assert found.origin is not None
        loader = _Loader(fullname, found.origin)
        loader.mutant = self._mutant
        return spec_from_file_location(fullname, found.origin, loader=loader)


def infect(mutant: Mutant) -> None:
    """From now on `app.core` is imported with this change. Nothing of it may have been imported before."""
    assert not any(name.startswith("app.core") for name in sys.modules)
    sys.meta_path.insert(0, _Finder(mutant))
