"""One connection to the API: requests, and what went wrong in words."""

from __future__ import annotations

import json
import ssl
from collections.abc import Iterator
from typing import Any

import httpx

from cli.places import Place, PlaceError
from cli.problems import Failed, refusal
from cli.request import Request

# What a command may wait for on the server's side (30 s at most; a plan 60 s), and then some.
SECONDS = 75.0
SPEAKS_TLS = "it may speak TLS; try https://"
HINTS = (
    ("Connection refused", "nobody listens there; is the controller running? --url, --socket or a context say where"),
    ("No such file", "there is no such socket; is the controller running, with rest_socket?"),
    ("Permission denied", "the socket is for root and the users of rest_socket_users"),
    ("CERTIFICATE_VERIFY_FAILED", "no authority that is trusted here signed its certificate; --ca FILE names one"),
    ("WRONG_VERSION_NUMBER", "it does not speak TLS; try http://"),
    ("without sending", SPEAKS_TLS),
    ("Connection reset", SPEAKS_TLS),
    ("TLSV13_ALERT_CERTIFICATE_REQUIRED", "it wants a certificate; --cert, --key"),
)


def transport_to(place: Place) -> httpx.BaseTransport | None:
    """How to get there, if that is not the usual way."""
    return httpx.HTTPTransport(uds=place.socket) if place.socket else None


class Connection:
    """Asks the API at `place`. `PlaceError` if certificates, keys or the token cannot be read."""

    def __init__(self, place: Place, seconds: float = SECONDS) -> None:
        self.place = place
        token = place.secret()
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        base = "http://localhost" if place.socket else place.url or ""
        if not base.startswith(("http://", "https://")):
            raise PlaceError(f"{base}: an address begins with http:// or https://")
        try:
            self._http = httpx.Client(
                base_url=base,
                headers=headers,
                timeout=seconds,
                transport=transport_to(place),
                verify=_trust(place) if base.startswith("https:") else False,
                trust_env=not place.is_here,  # no proxy between this machine and itself
            )
        except httpx.InvalidURL as error:
            raise PlaceError(f"{base}: {error}") from None

    def ask(self, request: Request) -> httpx.Response:
        """The answer of a request that succeeded; `Failed` for everything else."""
        try:
            answer = self._http.send(self._made(request))
        except httpx.HTTPError as error:
            raise self._unreachable(error) from None
        if not answer.is_success:
            raise refusal(answer.status_code, answer.reason_phrase, answer.content, self.place)
        return answer

    def document(self, request: Request) -> Any:
        """The JSON of an answer; None if it is empty."""
        answer = self.ask(request)
        return self.read(answer.content) if answer.content else None

    def read(self, content: bytes) -> Any:
        try:
            return json.loads(content)
        except ValueError:
            raise Failed(f"what answers at {self.place.where} is not ovswarden's API: that is no JSON") from None

    def get(self, path: str, /, **query: Any) -> Any:
        return self.document(Request("GET", path, query))

    def items(self, path: str, /, most: int | None = None, **query: Any) -> Iterator[dict[str, Any]]:
        """Everything in a list, page by page, but at most so many."""
        document, left = self.get(path, **query), most
        while True:
            shown = document["items"][:left]
            yield from shown
            left = None if left is None else left - len(shown)
            if not document.get("next") or left == 0:
                return
            document = self.get(document["next"])

    def lines(self, request: Request) -> Iterator[str]:
        """The lines of an answer that does not end, as they come."""
        try:
            answer = self._http.send(self._made(request), stream=True)
            try:
                if not answer.is_success:
                    raise refusal(answer.status_code, answer.reason_phrase, answer.read(), self.place)
                yield from answer.iter_lines()
            finally:
                answer.close()
        except httpx.HTTPError as error:
            raise self._unreachable(error) from None

    def _made(self, request: Request) -> httpx.Request:
        try:
            return self._http.build_request(
                request.method, request.target, headers=request.headers, content=request.content
            )
        except httpx.InvalidURL as error:
            raise PlaceError(f"{self.place.where}: {error}") from None

    def _unreachable(self, error: httpx.HTTPError) -> Failed:
        if isinstance(error, httpx.TimeoutException):
            return Failed(f"no answer from {self.place.where} in time")
        text = str(error) or type(error).__name__
        hint = next((hint for words, hint in HINTS if words in text), "")
        if hint == SPEAKS_TLS and (self.place.url or "").startswith("https:"):
            hint = ""
        return Failed(f"no answer from {self.place.where}: {text}" + (f"\n  {hint}" if hint else ""))


def _trust(place: Place) -> ssl.SSLContext:
    try:
        context = ssl.create_default_context(cafile=place.ca)
        if place.certificate:
            context.load_cert_chain(place.certificate, place.key)
    except (OSError, ValueError) as error:  # ssl.SSLError is an OSError
        files = ", ".join(file for file in (place.ca, place.certificate, place.key) if file)
        raise PlaceError(f"{files}: {error}") from None
    return context
