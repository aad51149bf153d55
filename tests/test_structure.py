"""Imports point inwards, and documents that repeat code are those that the code generates."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.core import pipeline_doc
from app.core.pipeline import Table
from app.core.purposes import PURPOSE

ROOT = Path(__file__).resolve().parent.parent
OURS = {"app", "cli", "rest", "ui", "topology", "demo", "tests", "benchmarks"}


def imported(folder: str) -> Iterator[tuple[Path, str]]:
    for path in sorted((ROOT / folder).rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                yield from ((path, alias.name) for alias in node.names)
            elif isinstance(node, ast.ImportFrom):
                yield path, node.module or ""


def test_the_core_imports_the_standard_library_and_netaddr_only() -> None:
    allowed = {*sys.stdlib_module_names, "netaddr"}
    wrong = [
        (str(path), name)
        for path, name in imported("app/core")
        if name.split(".")[0] not in allowed and not f"{name}.".startswith("app.core.")
        if name != "app.core"
    ]
    assert wrong == []


@pytest.mark.parametrize("name", ["socketserver", "threading", "logging", "time", "datetime", "subprocess", "random"])
def test_the_core_has_no_clock_no_log_no_thread(name: str) -> None:
    assert [str(path) for path, module in imported("app/core") if module.split(".")[0] == name] == []


def test_rest_knows_no_openflow() -> None:
    mine = ("app.core", "app.service", "app.errors", "app.clock", "rest")
    names = {name for _, name in imported("rest")}
    assert not [name for name in names if name.startswith("os_ken")]
    assert not [name for name in names if name.startswith("app") and not name.startswith(mine)]


@pytest.mark.parametrize("folder", ["topology", "cli", "ui"])
def test_what_stands_alone_imports_nothing_else_of_ours(folder: str) -> None:
    names = {name.split(".")[0] for _, name in imported(folder)}
    assert names, "it is there"
    assert names & OURS <= {folder}


def test_nothing_of_the_process_knows_the_command_line() -> None:
    names = {name.split(".")[0] for folder in ("app", "rest", "ui") for _, name in imported(folder)}
    assert "cli" not in names


def test_nobody_imports_the_application() -> None:
    everything = [(path, name) for folder in OURS for path, name in imported(folder)]
    assert [str(path) for path, name in everything if name.startswith("app.stateful_fw")] == []


def test_eventlet_and_the_hub_stay_in_few_files() -> None:
    knowing = {
        str(path.relative_to(ROOT))
        for folder in ("app", "rest")
        for path, name in imported(folder)
        if name.split(".")[0] == "eventlet" or name == "os_ken.lib"
    }
    assert len(knowing) <= 12, sorted(knowing)


def test_every_table_has_a_purpose() -> None:
    assert list(PURPOSE) == list(Table)


def test_the_pipeline_document_is_up_to_date() -> None:
    assert pipeline_doc.PATH.read_text() == pipeline_doc.document(), "run `make docs`"
