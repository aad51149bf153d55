"""The os-ken application: ``osken-manager app/stateful_fw.py``.

Wires the parts together and hands each OpenFlow event on. The loader imports this file under the name `stateful_fw` and
takes the one OSKenApp defined in it; nobody else imports it.
"""

from __future__ import annotations

from typing import Any

from app.openflow import harden, switch_io  # before os-ken: it chooses the hub

# isort: split
from os_ken import cfg
from os_ken.base import app_manager
from os_ken.controller import ofp_event
from os_ken.controller.handler import DEAD_DISPATCHER, MAIN_DISPATCHER, set_ev_cls
from os_ken.ofproto import ofproto_v1_3, ofproto_v1_4

from app import logs, settings
from app.controller import Controller
from app.heap import keep_collections_short
from app.records import Retention
from app.store import Store
from app.version import versions
from rest.server import Server
from rest.tokens import Tokens

harden.install()
settings.register(cfg.CONF)

STOP_SECONDS = 3.0  # of the five that a stop may take


def _retention(wanted: settings.Settings) -> Retention:
    return Retention(wanted.audit_days, wanted.audit_size << 20)


class StatefulFirewall(app_manager.OSKenApp):  # type: ignore[misc]
    """Spoof guard and stateful firewall for every bridge that connects."""

    OFP_VERSIONS = [ofproto_v1_4.OFP_VERSION, ofproto_v1_3.OFP_VERSION]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        wanted = settings.read(cfg.CONF)
        logs.set_up(wanted.log_level, wanted.log_format)
        self._controller = Controller(wanted, Store.open(wanted.state_dir, retention=_retention(wanted)))
        harden.admit(self._controller.admits)
        self._server = Server(self._controller, Tokens.open(wanted.state_dir), wanted, versions())
        keep_collections_short()

    def start(self) -> None:
        super().start()
        self._server.start()

    def stop(self) -> None:
        """Answer what was asked, then close. The switches keep their flows."""
        self._server.stop(STOP_SECONDS / 2)
        self._controller.close(STOP_SECONDS / 2)
        super().stop()

    @set_ev_cls(ofp_event.EventOFPStateChange, [MAIN_DISPATCHER, DEAD_DISPATCHER])
    def _state_changed(self, event: Any) -> None:
        if event.state == MAIN_DISPATCHER:
            self._controller.connected(event.datapath)
        else:
            self._controller.disconnected(event.datapath)

    @set_ev_cls(ofp_event.EventOFPPortStatus, MAIN_DISPATCHER)
    def _port_changed(self, event: Any) -> None:
        self._controller.port_changed(event.msg.datapath, switch_io.port_change(event.msg))
