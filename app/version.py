"""Which versions of what are running."""

from __future__ import annotations

import platform
from importlib.metadata import PackageNotFoundError, version


def versions() -> dict[str, str]:
    """Of ovswarden and of what it stands on."""
    found = {"ovswarden": _version("ovswarden"), "python": platform.python_version()}
    return found | {name: _version(name) for name in ("os-ken", "eventlet")}


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "unknown"  # run from a source tree that is not installed
