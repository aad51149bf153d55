"""The dashboard's files as they are served: all read at the first request, so no request ever names a file on disk.

The page names the other files under a directory that is called after their content. So they may be kept for ever, and a
new version of any of them is a new directory for all.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from importlib.resources.abc import Traversable

PAGE = "index.html"
PLACEHOLDER = b"@assets@"
MEDIA = {
    "html": "text/html; charset=utf-8",
    "css": "text/css; charset=utf-8",
    "js": "text/javascript; charset=utf-8",
    "svg": "image/svg+xml",
    "uPlot": "text/plain; charset=utf-8",  # LICENSE.uPlot
}


@dataclass(frozen=True, slots=True)
class Asset:
    """One file: what it holds, its Content-Type and its ETag."""

    content: bytes
    media: str
    etag: str


@dataclass(frozen=True, slots=True)
class Assets:
    """`pages` are those that are opened, by name; `files`, by `version/name`, are what they load."""

    pages: Mapping[str, Asset]
    files: Mapping[str, Asset]

    @property
    def page(self) -> Asset:
        """The dashboard."""
        return self.pages[PAGE]


@cache
def assets() -> Assets:
    """All of them, from the installed package."""
    found = dict(sorted(_walk(files(__name__), "")))
    pages = {name: found.pop(name) for name in list(found) if name.endswith(".html")}
    whole = hashlib.sha256()
    for name, content in found.items():
        whole.update(f"{name} {len(content)} ".encode() + content)
    version = "a-" + whole.hexdigest()[:16]
    served = {f"{version}/{name}": _asset(name, content) for name, content in found.items()}
    filled = {name: _asset(name, page.replace(PLACEHOLDER, version.encode())) for name, page in pages.items()}
    return Assets(filled, served)


def _walk(folder: Traversable, prefix: str) -> Iterator[tuple[str, bytes]]:
    """Only what has a type of its own is served: no Python, and nothing that an editor left behind."""
    for each in folder.iterdir():
        if each.is_dir():
            yield from _walk(each, f"{prefix}{each.name}/")
        elif each.name.rpartition(".")[2] in MEDIA:
            yield prefix + each.name, each.read_bytes()


def _asset(name: str, content: bytes) -> Asset:
    return Asset(content, MEDIA[name.rpartition(".")[2]], f'"{hashlib.sha256(content).hexdigest()[:32]}"')
