"""Echo services on a host for as long as somebody probes it."""

from __future__ import annotations

import selectors
import socket
import threading
from collections.abc import Iterable
from contextlib import suppress

from topology.labs import Family, Probe
from topology.namespaces import INET, Attached


class Listener:
    """Answers on every given TCP and UDP port of the host with what it receives, until closed; in one family.

    Raises OSError when a port is taken. The sockets are open when the constructor returns.
    """

    def __init__(self, host: Attached, probes: Iterable[Probe], family: Family = 4) -> None:
        self._selector = selectors.DefaultSelector()
        self._wake, self._woken = socket.socketpair()
        self._selector.register(self._woken, selectors.EVENT_READ)
        try:
            for probe in dict.fromkeys(probe for probe in probes if probe.port is not None):
                self._open(host, probe, family)
        except BaseException:
            self._drop()
            raise
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def __enter__(self) -> Listener:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Stop answering and free the ports."""
        self._wake.send(b".")
        self._thread.join()
        self._drop()

    def _open(self, host: Attached, probe: Probe, family: Family) -> None:
        service = host.socket(INET[family], socket.SOCK_STREAM if probe.kind == "tcp" else socket.SOCK_DGRAM)
        self._selector.register(service, selectors.EVENT_READ, probe.kind)
        # neither the TIME_WAIT of the probe before nor a live stream on this port refuses it to us
        service.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == 6:
            service.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        service.bind(("", probe.port))
        if probe.kind == "tcp":
            service.listen(64)

    def _serve(self) -> None:
        while True:
            for key, _ in self._selector.select():
                if key.fileobj is self._woken:
                    return
                with suppress(OSError):  # one client's reset is not the others' business
                    self._answer(key.fileobj, key.data)

    def _answer(self, ready: socket.socket, role: str) -> None:
        if role == "tcp":
            connection, _ = ready.accept()
            self._selector.register(connection, selectors.EVENT_READ, "connection")
        elif role == "udp":
            data, client = ready.recvfrom(2048)
            ready.sendto(data, client)
        else:
            self._echo(ready)

    def _echo(self, connection: socket.socket) -> None:
        data = b""
        with suppress(OSError):
            data = connection.recv(2048)
            connection.sendall(data)
        if not data:
            self._selector.unregister(connection)
            connection.close()

    def _drop(self) -> None:
        for key in list(self._selector.get_map().values()):
            key.fileobj.close()
        self._selector.close()
        self._wake.close()
