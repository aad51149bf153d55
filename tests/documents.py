"""What documents show, for the tests that run it: code blocks, and what cannot be run without a real host."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

# A comment in the source, right above a block
NEEDS = re.compile(r"<!-- needs a real host: (?P<why>.+?) -->")
FENCE = re.compile(r"^(?P<indent> *)```(?P<language>\w*)$")


@dataclass(frozen=True, slots=True)
class Block:
    """A fenced block. `needs`: why it can only be run on a real host, None if it can be run in a lab."""

    section: str
    language: str
    text: str
    needs: str | None
    line: int


def blocks(path: Path) -> list[Block]:
    """All fenced blocks of a Markdown file in their order, without their indentation."""
    return list(_blocks(path.read_text().splitlines()))


def _blocks(lines: list[str]) -> Iterator[Block]:
    section, needs, inside, begin, opened = "", None, False, 0, ""
    for number, line in enumerate(lines):
        fence = FENCE.match(line)
        if inside:
            if line.strip() == "```":
                text = textwrap.dedent("\n".join(lines[begin + 1 : number]) + "\n")
                yield Block(section, opened, text, needs, begin + 1)
                inside, needs = False, None
        elif fence:
            inside, begin, opened = True, number, fence["language"]
        elif line.startswith("#"):
            section = line.lstrip("# ")
        elif found := NEEDS.search(line):
            needs = found["why"]
        elif line.strip():
            needs = None


def headings(path: Path) -> list[str]:
    """The texts of a Markdown file's headings."""
    return [line.lstrip("#").strip() for line in path.read_text().splitlines() if re.match(r"#+ ", line)]
