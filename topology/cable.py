"""A cable between a switch and its controller that can be pulled, or cut for a while."""

from __future__ import annotations

import contextlib
import socket
import threading


class Cable:
    """Carries whatever connects to `port` of this machine on to port `to`, until it is pulled and again afterwards."""

    def __init__(self, port: int, to: int) -> None:
        self._to = ("127.0.0.1", to)
        self._ends: list[socket.socket] = []
        self._whole = threading.Event()
        self._whole.set()
        self._listener = socket.create_server(("127.0.0.1", port))
        threading.Thread(target=self._accept, daemon=True).start()

    def __enter__(self) -> Cable:
        return self

    def __exit__(self, *_: object) -> None:
        self._listener.close()
        self.mend()
        self.pull()

    def pull(self) -> int:
        """Break every connection; how many there were."""
        ends, self._ends = self._ends, []
        for end in ends:
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()
        return len(ends) // 2

    def cut(self) -> None:
        """Carry nothing more, and tell nobody: connections stay open, new ones are not answered."""
        self._whole.clear()

    def mend(self) -> None:
        """Carry again, also what was sent meanwhile, as a network would."""
        self._whole.set()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):  # closed
            while True:
                one, _ = self._listener.accept()
                threading.Thread(target=self._join, args=(one,), daemon=True).start()

    def _join(self, one: socket.socket) -> None:
        self._whole.wait()
        try:
            other = socket.create_connection(self._to)
        except OSError:
            one.close()
            return
        self._ends += one, other
        for pair in ((one, other), (other, one)):
            threading.Thread(target=self._carry, args=pair, daemon=True).start()

    def _carry(self, source: socket.socket, target: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                self._whole.wait()
                target.sendall(data)
            self._whole.wait()
            target.shutdown(socket.SHUT_WR)
