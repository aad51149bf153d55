"""Typing errors in configuration files. oslo.config ignores what it does not know; a firewall should not."""

from __future__ import annotations

from collections.abc import Iterator
from difflib import get_close_matches
from pathlib import Path

from oslo_config import cfg

from app.errors import StartError

Sections = dict[str, dict[str, list[str]]]


def complain_of_unknown(conf: cfg.ConfigOpts, group: str, names: tuple[str, ...]) -> None:
    """`StartError` if a file has an option of our group, or a group much like ours, that is not known."""
    for file, sections in _parsed(conf):
        for section, options in sections.items():
            if section.lower() == group:
                for name in options.keys() - set(names):
                    raise StartError(f"{file}: [{group}] {name}: no such option{_hint(name, names)}")
            elif section == "DEFAULT":
                for name in options.keys() & set(names) - set(conf):
                    raise StartError(f"{file}: [DEFAULT] {name}: this option belongs into section [{group}]")
            elif get_close_matches(section.lower(), [group], cutoff=0.75):
                raise StartError(f"{file}: [{section}]: no such section, did you mean [{group}]?")


def written(conf: cfg.ConfigOpts, group: str, name: str) -> str | None:
    """An option's text as the files have it; the last one counts."""
    found = [sections[group][name][-1] for _, sections in _parsed(conf) if name in sections.get(group, ())]
    return found[-1] if found else None


def _parsed(conf: cfg.ConfigOpts) -> Iterator[tuple[Path, Sections]]:
    for file in _files(conf):
        sections: Sections = {}
        cfg.ConfigParser(str(file), sections).parse()
        yield file, sections


def _files(conf: cfg.ConfigOpts) -> Iterator[Path]:
    """The files that were parsed: those named or found by default, and those of a --config-dir."""
    # Both options exist only once `conf` was called.
    yield from (Path(name) for name in conf.get("config_file") or ())
    for directory in conf.get("config_dir") or ():
        yield from sorted(Path(directory).glob("*.conf"))


def _hint(name: str, names: tuple[str, ...]) -> str:
    near = get_close_matches(name.lower().replace("-", "_"), names, n=1)
    return f", did you mean {near[0]}?" if near else f"; there are {', '.join(names)}"
