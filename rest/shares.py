"""Nobody's work keeps everybody waiting: what belongs to a tenant has a share of what all share."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any, TypeVar

from app.service import Firewall

T = TypeVar("T")
Part = Callable[[str], AbstractContextManager[Any]]  # by tenant; may raise `Failure`


class Shared:
    """The firewall as a tenant's callers have it: what is computed beside the hub waits for the tenant's own part, so
    that no other waits for it."""

    def __init__(self, firewall: Firewall, tenant: str, part: Part) -> None:
        self._firewall, self._tenant, self._part = firewall, tenant, part

    def aside(self, function: Callable[[], T], seconds: float = 20) -> T:
        with self._part(self._tenant):
            return self._firewall.aside(function, seconds)

    def preview(self, *arguments: Any, **named: Any) -> Any:
        with self._part(self._tenant):
            return self._firewall.preview(*arguments, **named)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._firewall, name)
