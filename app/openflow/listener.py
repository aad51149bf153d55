"""The listening socket: survives a lack of file descriptors, and lets nobody hold a place without saying who it is."""

from __future__ import annotations

import contextlib
import logging
import resource
import socket
import ssl
import time
from typing import Any

from os_ken.lib import hub

from app.openflow import tls
from app.openflow.connection import Connection

LOG = logging.getLogger(__name__)

HANDSHAKE = 10.0  # seconds from accept to FEATURES_REPLY, TLS included
UNNAMED = 256  # connections that have not said who they are yet, at most
BACKLOG = 512  # connections the kernel holds for us
PAUSE = 0.1  # seconds, when accepting fails


class WaitingRoom:
    """The greenlets of connections that are not past FEATURES_REPLY, oldest first."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._since: dict[Any, float] = {}

    def enter(self, visitor: Any) -> None:
        """Take a visitor in; when the room is full the one who has waited longest goes."""
        self._since[visitor] = time.monotonic()  # first: dropping somebody lets the visitor run, and even leave
        while len(self._since) > self._limit:
            self.drop_oldest("too many connections without a switch behind them")

    def leave(self, visitor: Any) -> None:
        self._since.pop(visitor, None)

    def drop_oldest(self, why: str) -> None:
        visitor = next(iter(self._since), None)
        if visitor is not None:
            self.leave(visitor)
            LOG.warning("closing a connection: %s", why)
            hub.kill(visitor)

    def sweep(self) -> None:
        """For ever: drop whoever has waited too long."""
        while True:
            hub.sleep(1)
            overdue = time.monotonic() - HANDSHAKE
            while self._since and next(iter(self._since.values())) < overdue:
                self.drop_oldest(f"no FEATURES_REPLY within {HANDSHAKE:.0f} s")


class Listener:
    """Takes the place of os-ken's StreamServer: TCP, TLS (`ssl_ctx` and its companions), or a unix socket as host.

    Logs one line and ends the calling greenlet when it cannot listen; the manager ends with it.
    """

    def __init__(self, listen_info: tuple[str, int], _: Any, **ssl_args: Any) -> None:
        self._tls: ssl.SSLContext | None = ssl_args.get("ssl_ctx")
        try:
            if self._tls is not None:
                tls.equip(
                    self._tls, ssl_args["certfile"], ssl_args["keyfile"], ssl_args["ca_certs"], ssl_args.get("ciphers")
                )
            self.server = _listen(*listen_info)
        except (OSError, OverflowError, ValueError, KeyError) as error:  # ssl.SSLError is an OSError
            LOG.critical("cannot listen for switches on %s port %s: %s", *listen_info, error)
            raise hub.TaskExit from error
        if self._tls is None and not _is_local(listen_info[0]):
            LOG.warning("switches come by plain TCP: whoever reaches %s port %s can pose as one", *listen_info)
        files = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
        self._room = WaitingRoom(min(UNNAMED, files // 4))
        self._named = 0
        self._most_named = files // 2  # the rest is for the waiting room, REST clients and the database

    def serve_forever(self) -> None:
        sweeper = hub.spawn(self._room.sweep)
        try:
            while True:
                self._accept()
                hub.sleep(0)  # eventlet's accept does not yield while connections are queued
        finally:
            hub.kill(sweeper)

    def _accept(self) -> None:
        try:
            peer, address = self.server.accept()
        except OSError as error:  # EMFILE above all
            LOG.error("cannot accept a connection: %s", error)
            self._room.drop_oldest("out of file descriptors")
            hub.sleep(PAUSE)
            return
        if self._named >= self._most_named:
            LOG.error("refusing %s: %d switches are as many as there are files for", address, self._named)
            peer.close()
            return
        self._room.enter(hub.spawn(self._serve, peer, address))

    def _serve(self, peer: Any, address: Any) -> None:
        me = hub.getcurrent()
        named = False

        def move_out() -> None:
            nonlocal named
            named = True
            self._named += 1
            self._room.leave(me)

        try:
            if self._tls is not None:
                peer = self._tls.wrap_socket(peer, server_side=True)  # its greenlet alone waits for the handshake
            serve(peer, address, move_out)
        except OSError as error:
            LOG.warning("closing the connection from %s: %s", address, error)
        finally:
            self._named -= named
            self._room.leave(me)
            with contextlib.suppress(OSError):
                peer.close()


def _listen(host: str, port: int) -> Any:
    """A listening socket. Not os-ken's, which lets a second controller share the port and take half of the switches."""
    if "/" in host:
        return hub.listen(host, family=socket.AF_UNIX, backlog=BACKLOG)
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    return hub.listen((host, port), family=family, backlog=BACKLOG, reuse_port=False)


def _is_local(host: str) -> bool:
    """Whether nobody but this machine can come: a unix socket, or a loopback address."""
    return "/" in host or host in ("localhost", "::1") or host.startswith("127.")


def serve(peer: Any, address: Any, when_named: Any = None) -> None:
    """Talk to one switch until it goes: os-ken's `datapath_connection_factory`."""
    with contextlib.closing(Connection(peer, address)) as connection:
        connection.when_named = when_named
        connection.serve()
