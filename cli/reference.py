"""The last part of docs/cli.md: every command with its options, from what typer knows. `python -m cli.reference`
writes it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from typer.main import get_command

from cli.app import app

PATH = Path(__file__).resolve().parent.parent / "docs" / "cli.md"
TYPERS = ("install_completion", "show_completion")  # in words of typer's own
MARK = "<!-- What follows is written by `python -m cli.reference` (`make docs`). -->\n"


def reference() -> str:
    """As Markdown."""
    return "".join(f"{line}\n" for line in _lines()).rstrip("\n") + "\n"


def document(text: str) -> str:
    """The page with this in its place."""
    return text[: text.index(MARK) + len(MARK)] + "\n" + reference()


def _lines() -> Iterator[str]:
    root: Any = get_command(app)
    yield "## Options of all commands"
    yield ""
    yield from _options(root)
    yield "## Commands"
    yield ""
    for path, command in _commands(root, "ovswarden"):
        arguments = [_metavar(each) for each in command.params if each.param_type_name == "argument"]
        yield f"### `{' '.join([path, *arguments])}`"
        yield ""
        yield " ".join((command.help or "").split())
        yield ""
        yield from _options(command)


def _commands(group: Any, path: str) -> Iterator[tuple[str, Any]]:
    for name, command in group.commands.items():
        if getattr(command, "commands", None):
            yield from _commands(command, f"{path} {name}")
        else:
            yield f"{path} {name}", command


def _options(command: Any) -> Iterator[str]:
    options = [each for each in command.params if each.param_type_name == "option" and each.name not in TYPERS]
    if not options:
        return
    yield "| option | |"
    yield "|---|---|"
    for each in options:
        names = ", ".join(f"`{name}`" for name in (*each.opts, *each.secondary_opts))
        usual = each.default if isinstance(each.default, str | int) and not isinstance(each.default, bool) else ""
        yield f"| {names} | {(each.help or '').replace('|', '/')}{f' `{usual}`' if usual != '' else ''} |"
    yield ""


def _metavar(argument: Any) -> str:
    return str(argument.metavar or argument.name.upper())


if __name__ == "__main__":
    PATH.write_text(document(PATH.read_text()))
