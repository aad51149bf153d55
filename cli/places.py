"""Where the API is, and with what one is let in: options, the environment, contexts in a file, and what is usual.

The first that says something holds: the options, ``OVSWARDEN_URL`` and its like, the chosen context of
``~/.config/ovswarden.toml``, the unix socket of a controller on this machine, its TCP address.

A secret never follows to another address: what a context says is for its own address only, and the token of this
machine's controller for this machine.
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from ipaddress import ip_address
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

CONFIG = Path("~/.config/ovswarden.toml")
SOCKET = Path("/run/ovswarden/api.sock")
URL = "http://127.0.0.1:8080"
TOKEN = Path("/var/lib/ovswarden/admin.token")


class PlaceError(Exception):
    """What says where the API is cannot be used; the text says why."""


@dataclass(frozen=True, slots=True)
class Place:
    """An API and the way in. `socket`: a unix socket in place of a host. None is left open."""

    url: str | None = None
    socket: str | None = None
    token: str | None = None
    token_file: str | None = None
    ca: str | None = None  # certificates to trust, in place of the machine's
    certificate: str | None = None  # of the client
    key: str | None = None
    tenant: str | None = None  # where a command needs one and is not told

    def over(self, other: Place) -> Place:
        """This one's words, the other's where it is silent. Of socket and URL the first one told holds, as of token
        and file."""
        if self.url or self.socket:
            other = replace(other, url=None, socket=None)
        if self.token or self.token_file:
            other = replace(other, token=None, token_file=None)
        return Place(**{each.name: getattr(self, each.name) or getattr(other, each.name) for each in fields(Place)})

    @property
    def where(self) -> str:
        return self.socket or self.url or ""

    @property
    def is_here(self) -> bool:
        """Is it certainly this machine?"""
        try:
            host = urlsplit(self.url or "").hostname or ""
            return bool(self.socket) or host == "localhost" or ip_address(host).is_loopback
        except ValueError:
            return False

    def secret(self) -> str | None:
        """The token, read from its file if need be. `PlaceError` if that cannot be read."""
        if self.token or not self.token_file:
            return self.token and _fit(self.token, "the token")
        try:
            return _fit(Path(self.token_file).expanduser().read_text().strip(), self.token_file)
        except OSError as error:
            raise PlaceError(f"{self.token_file}: {error.strerror}") from None
        except UnicodeDecodeError:
            raise PlaceError(f"{self.token_file}: there is no token in it") from None


def _fit(token: str, where: str) -> str:
    if not token or not token.isascii() or not token.isprintable() or " " in token:
        raise PlaceError(f"{where}: there is no token in it")
    return token


NAMES = {each.name: f"OVSWARDEN_{each.name.upper()}" for each in fields(Place)}


def find(options: Place, context: str | None = None, environment: Mapping[str, str] | None = None) -> Place:
    """The place that is meant. `PlaceError` if a context is unknown or the file damaged."""
    environment = os.environ if environment is None else environment
    said = options.over(Place(**{name: environment.get(variable) or None for name, variable in NAMES.items()}))
    kept = _context(context or environment.get("OVSWARDEN_CONTEXT"), environment)
    if said.url or said.socket:
        kept = Place(tenant=kept.tenant)
    return _usual(said.over(kept))


def _usual(place: Place) -> Place:
    """With what is so unless something else is said."""
    if not place.url and not place.socket:
        # Who cannot open the socket is not meant by it.
        place = replace(place, **({"socket": str(SOCKET)} if os.access(SOCKET, os.W_OK) else {"url": URL}))
    is_known = place.socket or place.certificate or place.token or place.token_file
    if not is_known and place.is_here and os.access(TOKEN, os.R_OK):
        place = replace(place, token_file=str(TOKEN))
    return place


def known_contexts(environment: Mapping[str, str] | None = None) -> dict[str, Any]:
    """The contexts of the file, none if there is no file. `PlaceError` if it is damaged."""
    found = _document(_path(os.environ if environment is None else environment), must_exist=False).get("contexts", {})
    return found if isinstance(found, dict) else {}


def _path(environment: Mapping[str, str]) -> Path:
    return Path(environment.get("OVSWARDEN_CONFIG") or CONFIG).expanduser()


def _document(path: Path, must_exist: bool) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text())
    except FileNotFoundError:
        if must_exist:
            raise PlaceError(f"{path}: there is no such file") from None
        return {}
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise PlaceError(f"{path}: {error}") from None


def _context(name: str | None, environment: Mapping[str, str]) -> Place:
    path = _path(environment)
    document = _document(path, must_exist=bool(environment.get("OVSWARDEN_CONFIG")))
    contexts = document.get("contexts", {})
    name = name or document.get("context")
    if name is None:
        return Place()
    if not isinstance(contexts, dict) or not isinstance(contexts.get(name), dict):
        known = ", ".join(sorted(contexts) if isinstance(contexts, dict) else ()) or "none is there"
        raise PlaceError(f"{path} has no context {name} ({known})")
    if unknown := set(contexts[name]) - set(NAMES):
        raise PlaceError(f"{path}: context {name} says {', '.join(sorted(unknown))}; it may say {', '.join(NAMES)}")
    if wrong := [key for key, value in contexts[name].items() if not isinstance(value, str)]:
        raise PlaceError(f"{path}: context {name}: {', '.join(wrong)} has to be a text")
    return Place(**contexts[name])
