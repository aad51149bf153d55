"""Calling a bridge on its management socket, so that conversations can be tested without a whole controller."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from socket import AF_UNIX

from app.openflow.connection import MAIN_DISPATCHER, Connection

with warnings.catch_warnings(action="ignore"):
    import eventlet


@contextmanager
def dial(management: Path, version: int) -> Iterator[Connection]:
    """A served connection to a bridge, in OpenFlow 1.3 (4) or 1.4 (5), that names itself as os-ken would."""
    peer = eventlet.connect(str(management), family=AF_UNIX)
    connection = Connection(peer, "")
    connection.set_version(version)  # our HELLO offers it as the highest
    reader = eventlet.spawn(connection.serve)
    try:
        with eventlet.Timeout(5):
            while not connection._greeted:
                eventlet.sleep(0.01)
        connection.id = 1
        connection.set_state(MAIN_DISPATCHER)
        yield connection
    finally:
        connection.close()
        reader.kill()
