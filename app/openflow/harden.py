"""os-ken made fit for a port that anybody can reach. `install()` once, before os-ken starts to listen."""

from __future__ import annotations

import logging
import signal
import time
from collections.abc import Callable
from typing import Any

from os_ken import cfg
from os_ken.base import app_manager  # noqa: F401 - os-ken imports in a circle that can only be entered here
from os_ken.controller import controller
from os_ken.lib import hub

from app.errors import StartError
from app.openflow import tls
from app.openflow.connection import Connection, stop_parsing
from app.openflow.listener import Listener, serve

PORT = 6653  # IANA's; os-ken alone would listen on the obsolete 6633 as well

# os-ken's options, with defaults for a firewall: a switch that answers nothing for 20 s counts as gone (os-ken: never),
# and a busy switch may leave us waiting 30 s for buffer space (os-ken: 5).
DEFAULTS = {
    "ofp_tcp_listen_port": PORT,
    "ofp_ssl_listen_port": PORT,
    "maximum_unreplied_echo_requests": 3,
    "echo_request_interval": 5.0,
    "socket_timeout": 30.0,
}

# Who writes a line whenever a stranger says something strange.
TALKATIVE = ("app.openflow.connection", "app.openflow.listener", "OFPHandler", "os_ken.lib.hub")


class Sparse(logging.Filter):
    """At most `most` records per `seconds`, then silence and a count."""

    def __init__(self, most: int = 30, seconds: float = 60.0) -> None:
        super().__init__()
        self._most, self._seconds = most, seconds
        self._start, self._seen = 0.0, 0

    def filter(self, record: logging.LogRecord) -> bool:
        now = time.monotonic()
        if now - self._start >= self._seconds:
            if self._seen > self._most:
                record.msg = f"{record.getMessage()} (and {self._seen - self._most} lines like it were left out before)"
                record.args = ()
            self._start, self._seen = now, 0
        self._seen += 1
        return self._seen <= self._most


def install() -> None:
    """Replace os-ken's listener and reader by ours, and set its defaults.

    Raises StartError on the wrong hub, and for certificates that are of no use.
    """
    if hub.HUB_TYPE != "eventlet":
        raise StartError("os-ken was loaded with its native hub: set OSKEN_HUB_TYPE=eventlet or use our osken-manager")
    for option, value in DEFAULTS.items():
        cfg.CONF.set_default(option, value)
    tls.check(cfg.CONF)
    controller.StreamServer = Listener
    controller.datapath_connection_factory = serve
    signal.signal(signal.SIGVTALRM, stop_parsing)
    for name in TALKATIVE:
        logger = logging.getLogger(name)
        if not any(isinstance(each, Sparse) for each in logger.filters):
            logger.addFilter(Sparse())


def admit(decides: Callable[[int, Any], bool]) -> None:
    """Let `decides(datapath id, address)` say which switches may go on, before anything else is read from them."""
    Connection.admits = staticmethod(decides)
