"""What a command prints: a table for people, JSON, YAML or names for everything else."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from enum import StrEnum
from typing import Any

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from cli.words import as_json, as_yaml, clean, clean_lines

Column = tuple[str, Callable[[Mapping[str, Any]], Any]]
WIDE = 4000  # columns of what is not a terminal
STYLES = {
    **dict.fromkeys(("active", "synced", "ok", "allow", "passes", "connected", "add", "in step"), "green"),
    **dict.fromkeys(("building", "pushing", "reading", "behind", "warning", "change"), "yellow"),
    **dict.fromkeys(("error", "refused", "disconnected", "backoff", "deny", "failed", "drop", "delete"), "bold red"),
    **dict.fromkeys(("down", "none", "-", "skipped"), "dim"),
}


class Form(StrEnum):
    TABLE = "table"
    JSON = "json"
    YAML = "yaml"
    NAME = "name"


class Lines(tuple[str, ...]):
    """Several lines in one cell."""

    __slots__ = ()


class Output:
    """Prints in one form. Standard error is for what is not the answer. NO_COLOR and pipes get plain text."""

    def __init__(self, form: Form = Form.TABLE) -> None:
        self.form = form
        self.console = _console(is_error=False)
        self.aside = _console(is_error=True)

    @property
    def is_table(self) -> bool:
        return self.form is Form.TABLE

    @property
    def is_name(self) -> bool:
        return self.form is Form.NAME

    # -- the answer

    def listing(
        self, rows: Iterable[Mapping[str, Any]], columns: Sequence[Column], name: str = "name", empty: str = "none"
    ) -> None:
        """Many things of a kind. `name` is the member that `-o name` prints."""
        rows = list(rows)
        if self.form is Form.NAME:
            for row in rows:
                self.plain(str(row.get(name)))
        elif not self.is_table:
            self.document(rows)
        elif not rows:
            self.note(empty)
        else:
            self.table(rows, columns)

    def table(self, rows: Iterable[Mapping[str, Any]], columns: Sequence[Column]) -> None:
        table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))
        for head, _ in columns:
            table.add_column(Text(clean(head)), overflow="fold")
        for row in rows:
            table.add_row(*(cell(read(row)) for _, read in columns))
        self._print(table)

    def page(self, rows: Iterable[Mapping[str, Any]], columns: Sequence[Column], empty: str) -> None:
        """A table as a part of a page; that there is nothing is part of it, too."""
        rows = list(rows)
        self.table(rows, columns) if rows else self.text(empty)

    def document(self, document: Any, name: Any = None) -> None:
        """One thing, as JSON or YAML, or the name of it. Usage error if it has none."""
        if self.form is Form.YAML:
            self.plain(as_yaml(document).rstrip("\n"))
        elif self.form is not Form.NAME:
            self.plain(as_json(document))
        elif name is None:
            raise typer.BadParameter("this answer has no name that -o name could print")
        else:
            self.plain(str(name))

    def pairs(self, pairs: Iterable[tuple[str, Any]]) -> None:
        """Names and values, one a line; those without a value are left out."""
        table = Table(box=None, show_header=False, pad_edge=False, padding=(0, 2, 0, 0))
        table.add_column(no_wrap=True)
        table.add_column(overflow="fold")
        for name, value in pairs:
            if value not in (None, "", [], {}, ()):
                table.add_row(Text(clean(name), style="bold"), cell(value))
        self._print(table)

    def head(self, text: str) -> None:
        self.text(f"\n{text}", "bold")

    def text(self, text: str, style: str = "") -> None:
        """Text that is not markup, and does nothing to the terminal, whatever is in it."""
        self._print(Text(clean_lines(text), style=style), soft_wrap=True)

    def plain(self, text: str) -> None:
        """Exactly this, for programs; on a terminal only what can be printed of it."""
        sys.stdout.write((clean_lines(text) if sys.stdout.isatty() else text) + "\n")
        sys.stdout.flush()

    def _print(self, what: Any, soft_wrap: bool = False) -> None:
        if self.console.is_terminal:
            self.console.print(what, soft_wrap=soft_wrap)
            return
        with self.console.capture() as told:
            self.console.print(what, soft_wrap=soft_wrap)
        for line in told.get().removesuffix("\n").split("\n"):
            sys.stdout.write(line.rstrip() + "\n")
        sys.stdout.flush()

    # -- beside it

    def note(self, text: str, style: str = "") -> None:
        """To standard error."""
        self.aside.print(Text(clean_lines(text), style=style), soft_wrap=True)

    @contextmanager
    def busy(self, doing: str) -> Iterator[None]:
        """Something turns for as long as it lasts, where somebody looks."""
        if not self.aside.is_terminal:
            yield
            return
        with self.aside.status(Text(clean(doing))):
            yield


def _console(is_error: bool) -> Console:
    console = Console(stderr=is_error, highlight=False, markup=False, emoji=False)
    if not console.is_terminal:
        console = Console(stderr=is_error, highlight=False, markup=False, emoji=False, width=WIDE)
    return console


def cell(value: Any) -> Text:
    """A value in a table."""
    if isinstance(value, Text):
        return value
    if isinstance(value, bool):
        text = "yes" if value else "no"
    elif isinstance(value, Lines):
        return Text("\n".join(map(clean, value)) or "-")
    elif isinstance(value, list | tuple):
        text = ", ".join(map(str, value)) or "-"
    else:
        text = "-" if value in (None, "") else str(value)
    text = clean(text)
    return Text(text, style=STYLES.get(text, ""))
