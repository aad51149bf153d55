"""Text from elsewhere, made harmless: whoever names things must not write to our terminal."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

import typer


def clean(text: str) -> str:
    """One line in which only what can be printed is left: no escape sequence, no line end, no change of direction."""
    return "".join(character if character.isprintable() else "?" for character in text)


def clean_lines(text: str) -> str:
    """The same line by line."""
    return "\n".join(map(clean, text.split("\n")))


def as_json(document: Any) -> str:
    """JSON in which everything that is not printable is escaped; to every reader the same document."""
    text = json.dumps(document, indent=2, ensure_ascii=False)
    return "".join(each if each.isprintable() or each == "\n" else json.dumps(each)[1:-1] for each in text)


def as_yaml(document: Any) -> str:
    from io import StringIO

    from ruamel.yaml import YAML

    yaml, stream = YAML(typ="safe", pure=True), StringIO()
    yaml.default_flow_style, yaml.width = False, 1 << 16
    yaml.sort_base_mapping_type_on_output = False  # type: ignore[assignment]
    yaml.allow_unicode = all(each.isprintable() for each in json.dumps(document, ensure_ascii=False))
    yaml.dump(document, stream)
    return stream.getvalue().removesuffix("...\n")


def clock(time: str | None) -> str | None:
    """A time without its milliseconds."""
    return re.sub(r"\.\d+", "", time) if time else time


def path(*names: str, verb: str = "") -> str:
    """A path of the API. Names that would lead elsewhere are refused."""
    for name in names:
        if name in ("", ".", ".."):
            raise typer.BadParameter(f"{name!r} is no name")
    return "/v1/" + "/".join(quote(name, safe="") for name in names) + verb


def brief(value: Any, most: int = 60) -> str:
    """A value in a line."""
    if value in (None, "", [], {}):
        return "nothing"
    text = clean(value if isinstance(value, str) else json.dumps(value, ensure_ascii=False))
    return text if len(text) <= most else text[: most - 3] + "..."


def differences(change: Mapping[str, Any]) -> list[str]:
    """What is otherwise in a thing that was changed: ``port_max: 22 -> 23``."""
    before, after = change["before"] or {}, change["after"] or {}
    if change["op"] != "change":
        return []
    names = [*before, *(name for name in after if name not in before)]
    changed = [name for name in names if before.get(name) != after.get(name)]
    return [f"{name}: {brief(before.get(name))} -> {brief(after.get(name))}" for name in changed]
