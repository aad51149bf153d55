"""A private switch that is asked `ofproto/trace` by its control socket, one connection for thousands of questions."""

from __future__ import annotations

import json
import socket
from pathlib import Path
from types import TracebackType


class ControlLine:
    """JSON-RPC to ovs-vswitchd. As a context it is closed at its end."""

    def __init__(self, path: Path) -> None:
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.settimeout(20)
        self._socket.connect(str(path))
        self._count = 0

    def __enter__(self) -> ControlLine:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._socket.close()

    def __call__(self, command: str, *arguments: str) -> str:
        """What the command says; RuntimeError with the switch's reason if it refuses."""
        self._count += 1
        request = {"method": command, "params": list(arguments), "id": self._count}
        self._socket.sendall(json.dumps(request).encode())
        text = b""
        while True:
            text += self._socket.recv(1 << 16)
            if not text.endswith(b"}"):
                continue
            try:
                reply = json.loads(text)
            except ValueError:  # a brace in the middle
                continue
            if reply["error"] is not None:
                raise RuntimeError(f"{command} {' '.join(arguments)}: {reply['error']}")
            return str(reply["result"])
