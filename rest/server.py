"""The API on sockets: a TCP address, a unix socket, or both, served by eventlet with bounds on everything.

The only files of `rest` that know eventlet are this one, `rest.listening`, `rest.protocol` and `rest.tls`.
"""

from __future__ import annotations

import errno
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Protocol

import eventlet
import structlog
from eventlet import wsgi
from eventlet.green import socket
from eventlet.greenio import shutdown_safe
from eventlet.semaphore import Semaphore

from app.service import Firewall
from rest.access.gate import Access
from rest.access.rates import Allowance
from rest.application import Application, Limits
from rest.listening import forget, is_loopback, tcp_listener, unix_listener
from rest.problems import RETRY, Failure
from rest.protocol import HttpProtocol, Patience, within
from rest.tls import Credentials, Files
from rest.tokens import Tokens

URL_BYTES = 8192
# What accept() reports when this process or the machine is out of something; it passes.
PASSING = {errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM}

log = structlog.get_logger("rest")


@dataclass(frozen=True, slots=True)
class Bounds:
    """What all clients together may take. `rest_connections` of the settings is each listener's own."""

    body_bytes: int = 1 << 20
    handlers: int = 16
    handler_wait: float = 2.0
    copy_wait: float = 20.0  # seconds for what is computed beside the hub, of one tenant after another
    patience: Patience = field(default_factory=Patience)


def slots(count: int, seconds: float) -> Callable[[], Any]:
    """A context of which `count` are open at once; who waits longer than `seconds` is told 503 ``overloaded``.

    It is left only in the hub's next round, so that no round has more than `count` handlers in it, however many
    requests came in at once.
    """
    free = Semaphore(count)

    @contextmanager
    def slot() -> Iterator[None]:
        if not free.acquire(timeout=seconds):
            raise Failure(503, "overloaded", f"{count} requests are being handled already", headers=RETRY)
        try:
            yield
            eventlet.sleep(0)
        finally:
            free.release()

    return slot


class Parts:
    """A context of which each tenant has `count` open at once; who waits longer than `seconds` is told 503."""

    def __init__(self, count: int, seconds: float) -> None:
        self._count, self._seconds = count, seconds
        self.held: dict[
            str, tuple[Semaphore, list[None]]
        ] = {}  # by tenant; the list has one for each who is in or waits

    @contextmanager
    def __call__(self, tenant: str) -> Iterator[None]:
        free, using = self.held.setdefault(tenant, (Semaphore(self._count), []))
        using.append(None)
        try:
            if not free.acquire(timeout=self._seconds):
                detail = f"{self._count} requests of tenant {tenant} are being worked on already"
                raise Failure(503, "overloaded", detail, headers=RETRY)
            try:
                yield
            finally:
                free.release()
        finally:
            using.pop()
            if not using:
                self.held.pop(tenant, None)


class Address(Protocol):
    @property
    def host(self) -> str: ...
    @property
    def port(self) -> int: ...


class Settings(Protocol):
    """The settings that concern the API."""

    @property
    def rest_listen(self) -> Address | None: ...
    @property
    def rest_socket(self) -> str | None: ...
    @property
    def rest_connections(self) -> int: ...
    @property
    def rest_certificate(self) -> str | None: ...
    @property
    def rest_private_key(self) -> str | None: ...
    @property
    def rest_client_ca(self) -> str | None: ...
    @property
    def rest_socket_users(self) -> tuple[int, ...]: ...
    @property
    def require_if_match(self) -> bool: ...
    @property
    def metrics_open(self) -> bool: ...
    @property
    def write_rate(self) -> int: ...
    @property
    def write_burst(self) -> int: ...


def access_of(settings: Settings) -> Access:
    """Who may come in how, and how fast."""
    writes = Allowance(settings.write_rate, settings.write_burst)
    is_open = ("/metrics",) if settings.metrics_open else ()
    return Access(settings.rest_socket_users, writes, settings.require_if_match, is_open)


def credentials_of(settings: Settings) -> Credentials | None:
    """What TLS takes, if it is wanted. `ListenError` if it is of no use."""
    if not settings.rest_certificate or not settings.rest_private_key:
        return None
    return Credentials(Files(settings.rest_certificate, settings.rest_private_key, settings.rest_client_ca))


class Server:
    """The API of `firewall`, served from green threads. `about` is what /version answers.

    The addresses are taken when this is made, so that a wrong one (`ListenError`) stops the start.
    """

    def __init__(
        self,
        firewall: Firewall,
        tokens: Tokens,
        settings: Settings,
        about: Mapping[str, str] | None = None,
        bounds: Bounds | None = None,
    ) -> None:
        self._bounds, self._firewall = bounds or Bounds(), firewall
        self._capacity = settings.rest_connections
        slot = slots(self._bounds.handlers, self._bounds.handler_wait)
        limits = Limits(
            self._bounds.body_bytes,
            slot,
            lambda: eventlet.sleep(0),
            Parts(max(1, self._bounds.handlers // 2), self._bounds.handler_wait),
            Parts(1, self._bounds.copy_wait),
        )
        self._application = Application(firewall, tokens, limits, about, access_of(settings))
        self._credentials = credentials_of(settings)
        self._listeners: list[Any] = []
        self._threads: list[Any] = []
        self._connections: dict[Any, list[Any]] = {}  # green thread -> eventlet's [address, socket, state]
        if settings.rest_listen:
            self._listeners.append(tcp_listener(settings.rest_listen.host, settings.rest_listen.port))
        if settings.rest_socket:
            # Who may connect may still have to show a token: the kernel tells which user it is.
            self._listeners.append(unix_listener(settings.rest_socket, 0o666 if settings.rest_socket_users else 0o600))

    @property
    def addresses(self) -> list[Any]:
        """What is listened on: (host, port) or a path."""
        return [listener.getsockname() for listener in self._listeners]

    @property
    def connections(self) -> int:
        """How many clients are connected."""
        return len(self._connections)

    def start(self) -> None:
        """Serve whoever connects, from now until `stop`."""
        for listener in self._listeners:
            self._threads.append(eventlet.spawn(self._accept, listener, self._http(listener)))
        log.info("rest.listening", addresses=[str(address) for address in self.addresses])
        for host, *_ in (address for address in self.addresses if not isinstance(address, str)):
            if self._credentials is None and not is_loopback(host):
                log.warning(
                    "rest.plain", address=host, detail="tokens cross the network readable: set rest_certificate"
                )

    def _http(self, listener: Any) -> wsgi.Server:
        http = wsgi.Server(
            listener,
            listener.getsockname(),
            self._application,
            protocol=HttpProtocol,
            max_http_version="HTTP/1.1",
            url_length_limit=URL_BYTES,
            log_output=False,
            debug=False,  # True, the default, sends tracebacks to clients
            keepalive=True,
            socket_timeout=self._bounds.patience.step,
        )
        http.capitalize_response_headers = False  # our names are right; eventlet would make an Etag of ETag
        http.patience, http.body_bytes = self._bounds.patience, self._bounds.body_bytes
        return http

    def _accept(self, listener: Any, http: wsgi.Server) -> None:
        """Beyond the limit nobody is accepted: the rest wait in the kernel's queue until somebody leaves."""
        free = Semaphore(self._capacity)
        while True:
            free.acquire()
            try:
                connection, address = listener.accept()
            except OSError as error:
                free.release()
                if error.errno in PASSING:
                    log.warning("rest.accept", error=error.strerror)
                    eventlet.sleep(0.5)
                elif error.errno in (errno.EBADF, errno.EINVAL):
                    return
                continue
            connection.settimeout(self._bounds.patience.step)
            state = [address, connection, wsgi.STATE_IDLE]
            self._connections[eventlet.spawn(self._serve, http, state, free)] = state

    def _serve(self, http: wsgi.Server, state: list[Any], free: Semaphore) -> None:
        try:
            self._secure(state)
            http.process_request(state)
        except (OSError, eventlet.Timeout, ValueError) as error:
            log.debug("rest.connection", error=repr(error))
        finally:
            state[1].close()
            self._connections.pop(eventlet.getcurrent(), None)
            free.release()

    def _secure(self, state: list[Any]) -> None:
        """TLS, if there is any: only this client's green thread waits for its handshake. `OSError` if it fails."""
        if self._credentials is None or state[1].family == socket.AF_UNIX:
            return
        state[1] = self._credentials.wrap(state[1])
        with within(self._bounds.patience.head):
            state[1].do_handshake()

    def stop(self, seconds: float = 3.0) -> None:
        """Accept nobody any more, let running requests finish for at most `seconds`, then end them."""
        for thread in self._threads:
            thread.kill()
        for listener in self._listeners:
            forget(listener)
        self._listeners.clear()
        self._firewall.events.end_streams()
        for state in self._connections.values():
            idle, state[2] = state[2] == wsgi.STATE_IDLE, wsgi.STATE_CLOSE
            if idle:
                shutdown_safe(state[1])
        with eventlet.Timeout(seconds, False):
            while self._connections:
                eventlet.sleep(0.02)
        for thread in list(self._connections):
            thread.kill()
