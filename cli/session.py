"""What every command has: the connection, the form of its answer, the tenant that is meant."""

from __future__ import annotations

from collections.abc import Iterator
from enum import IntEnum
from typing import TYPE_CHECKING, Any

import typer

from cli.output import Output
from cli.places import Place
from cli.problems import Failed
from cli.request import EVENTS, Request
from cli.words import clean, path

if TYPE_CHECKING:
    from cli.connection import Connection

TENANTS_SEARCHED = 100  # for a name without a tenant


class Exit(IntEnum):
    """How commands end."""

    OK = 0
    ERROR = 1
    USAGE = 2  # given by typer itself
    DENIED = 3  # a trace says no
    PENDING = 4  # drift, a plan with changes, a switch that is behind


class Session:
    """One run of the command. With `shows_curl` the first request is printed instead of sent, and nothing else done."""

    def __init__(self, place: Place, output: Output, shows_curl: bool = False) -> None:
        self.place, self.out, self.shows_curl = place, output, shows_curl
        self._connection: Connection | None = None

    @property
    def connection(self) -> Connection:
        if self._connection is None:
            from cli.connection import Connection  # and httpx: not for --help, nor for every TAB

            self._connection = Connection(self.place)
        return self._connection

    # -- requests

    def send(self, request: Request) -> Any:
        """The JSON of an answer, None if it is empty."""
        self._show(request)
        return self.connection.document(request)

    def text(self, request: Request) -> str:
        """The answer as it is."""
        self._show(request)
        return self.connection.ask(request).text

    def get(self, path: str, /, **query: Any) -> Any:
        return self.send(Request("GET", path, query))

    def items(self, path: str, /, most: int | None = None, **query: Any) -> list[dict[str, Any]]:
        """A list, all pages of it, or the first `most`."""
        query = {**query, "limit": min(most or 1000, 1000)}
        self._show(Request("GET", path, query))
        return list(self.connection.items(path, most, **query))

    def lines(self, path: str, query: dict[str, Any], last: str | None) -> Iterator[str]:
        request = Request("GET", path, query, accept=EVENTS, last_event=last)
        self._show(request)
        return self.connection.lines(request)

    def _show(self, request: Request) -> None:
        if self.shows_curl:
            self.out.plain(request.curl(self.place))
            raise typer.Exit(Exit.OK)

    # -- whose things

    def tenant(self, said: str | None = None) -> str:
        """The tenant that is meant: as told, that of the place, or the only one there is."""
        chosen = said or self.place.tenant
        if chosen:
            return chosen
        self._refuse_asking()
        names = self._tenants()
        if len(names) == 1:
            return names[0]
        raise typer.BadParameter(f"which tenant? -t TENANT says it ({_known(names)})")

    def named(self, text: str, kind: str = "ports") -> tuple[str, str]:
        """Tenant and name of ``TENANT/NAME``, or of a name that one tenant alone has."""
        tenant, slash, name = text.rpartition("/")
        if slash or self.place.tenant:
            return tenant or self.tenant(), name
        self._refuse_asking()
        names = self._tenants()
        if len(names) == 1:
            return names[0], name
        if len(names) > TENANTS_SEARCHED:
            raise typer.BadParameter(f"whose? -t TENANT or TENANT/{clean(name)} says it ({_known(names)})")
        having = [each for each in names if self._has(each, kind, name)]
        if len(having) == 1:
            return having[0], name
        if not having:
            raise Failed(f"no tenant has {kind[:-1]} {clean(name)}; TENANT/NAME ({_known(names)})", status=404)
        found = ", ".join(f"{each}/{clean(name)}" for each in having)
        raise typer.BadParameter(f"which one? {found}")

    def _has(self, tenant: str, kind: str, name: str) -> bool:
        try:
            self.connection.get(path("tenants", tenant, kind, name))
        except Failed as error:
            if error.status == 404:
                return False
            raise
        return True

    def _tenants(self) -> list[str]:
        return [str(tenant["name"]) for tenant in self.connection.items("/v1/tenants", limit=1000, fields="name")]

    def _refuse_asking(self) -> None:
        if self.shows_curl:
            raise typer.BadParameter("--curl asks nobody: say the tenant, by -t TENANT or TENANT/NAME")


def _known(names: list[str]) -> str:
    return ", ".join(names[:10]) + (" ..." if len(names) > 10 else "") if names else "there is none yet"


def session(context: typer.Context) -> Session:
    found = context.find_object(Session)
    assert found is not None
    return found
