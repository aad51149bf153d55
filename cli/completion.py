"""Names that the shell completes, asked of the API: quick, and silent when it cannot tell."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import typer

from cli.places import NAMES, Place, PlaceError, find, known_contexts
from cli.words import clean, path

SECONDS = 1.0  # nobody waits longer for a TAB


def contexts(context: typer.Context, incomplete: str) -> list[str]:
    try:
        return _starting(sorted(known_contexts()), incomplete)
    except PlaceError:
        return []


def tenants(context: typer.Context, incomplete: str) -> list[str]:
    return _starting(_asked(context, lambda ask, _: _names(ask, "/v1/tenants", "name")), incomplete)


def switches(context: typer.Context, incomplete: str) -> list[str]:
    def names(ask: Any, _: Place) -> list[str]:
        return [each["name"] or each["dpid"] for each in ask.items("/v1/switches", limit=1000, fields="name,dpid")]

    return _starting(_asked(context, names), incomplete)


def tokens(context: typer.Context, incomplete: str) -> list[str]:
    return _starting(_asked(context, lambda ask, _: _names(ask, "/v1/tokens", "id")), incomplete)


def ports(context: typer.Context, incomplete: str) -> list[str]:
    return _of_tenant(context, incomplete, "ports", "id")


def groups(context: typer.Context, incomplete: str) -> list[str]:
    return _of_tenant(context, incomplete, "groups", "name")


def _of_tenant(context: typer.Context, incomplete: str, kind: str, member: str) -> list[str]:
    """Of the tenant that stands before the slash, or that is said otherwise; else tenants, to begin with."""

    def names(ask: Any, place: Place) -> list[str]:
        tenant, slash, _ = incomplete.rpartition("/")
        if slash or place.tenant:
            found = _names(ask, path("tenants", tenant or place.tenant or "", kind), member)
            return [f"{tenant}/{name}" if slash else name for name in found]
        owners = _names(ask, "/v1/tenants", "name")
        if len(owners) == 1:
            return _names(ask, path("tenants", owners[0], kind), member)
        return [f"{owner}/" for owner in owners]

    return _starting(_asked(context, names), incomplete)


def _names(ask: Any, path: str, member: str) -> list[str]:
    return [each[member] for each in ask.items(path, most=1000, limit=1000, fields=member)]


def _asked(context: typer.Context, names: Callable[[Any, Place], list[str]]) -> list[str]:
    """Whatever goes wrong, the shell is told of no name."""
    try:
        from cli.connection import Connection

        said = context.find_root().params
        place = find(Place(**{name: said.get(name) for name in NAMES}), said.get("place"))
        return names(Connection(place, SECONDS), place)
    except Exception:
        return []


def _starting(names: list[str], incomplete: str) -> list[str]:
    return [name for name in names if name.startswith(incomplete) and clean(name) == name]
