"""One switch's connection: os-ken's Datapath with a reader that trusts nobody, and replies routed to who asked."""

from __future__ import annotations

import contextlib
import logging
import signal
import socket
import ssl
from collections.abc import Callable, Iterator
from typing import Any, ClassVar, Protocol

from os_ken.base import app_manager  # noqa: F401 - os-ken imports in a circle that can only be entered here
from os_ken.controller import ofp_event
from os_ken.controller.controller import Datapath
from os_ken.controller.handler import DEAD_DISPATCHER, MAIN_DISPATCHER
from os_ken.lib import hub

from app.openflow import checks
from app.openflow.checks import FEATURES_REPLY, Stage
from app.openflow.replies import HEADER, MULTIPART_REPLY, Malformed, datapath_id

LOG = logging.getLogger(__name__)

WHOLE = 0xFFFF  # the longest message there is
UNREADY = 16 << 20  # bytes before a switch is served; 100 000 ports describe themselves in 8 MB
PARSING = 3.0  # seconds of CPU for one message
READ = 1 << 16
TURN = 64  # messages handled before others get the hub
WITHOUT_BODY = 16  # bytes of a multipart reply that says nothing
# error, experimenter, configuration, multipart reply, barrier reply, bundle control
ANSWERS = frozenset((1, 4, 8, 19, 21, 33))


class Listening(Protocol):
    """A conversation, as the connection sees it."""

    xids: range

    def hear(self, message: bytes) -> None: ...
    def hang_up(self) -> None: ...


class Unwelcome(Exception):
    """A switch that is not to be served. Whoever decided that has told it."""


def _everybody(_: int, __: Any) -> bool:
    return True


class Connection(Datapath):  # type: ignore[misc]
    """os-ken's Datapath. `when_named` is called once, when the switch has said its datapath id."""

    # Whether a switch may go on, by its datapath id and address. Asked before anything else is read from it.
    admits: ClassVar[Callable[[int, Any], bool]] = staticmethod(_everybody)

    def __init__(self, peer: Any, address: Any) -> None:
        self.conversations: list[Listening] = []
        self.when_named: Callable[[], None] | None = None
        self._greeted = False
        local = peer.family == socket.AF_UNIX
        # Datapath sets TCP_NODELAY, which a unix socket refuses; and a unix client has no address to log
        super().__init__(_WithoutOptions(peer) if local else peer, ("unix", 0) if local else address)
        self.socket = peer

    def set_state(self, state: str) -> None:
        super().set_state(state)
        if state == DEAD_DISPATCHER:
            for conversation in tuple(self.conversations):
                conversation.hang_up()

    @property
    def ports(self) -> dict[int, Any]:
        """What os-ken would remember of ports, and nobody asks for: forgotten at once, whatever a switch makes up."""
        return {}

    @ports.setter
    def ports(self, _: object) -> None:
        pass

    @property
    def stage(self) -> Stage:
        if not self._greeted:
            return Stage.GREETING
        if self.id is None:
            return Stage.NAMELESS
        return Stage.SERVED if self.state == MAIN_DISPATCHER else Stage.DESCRIBING

    def _recv_loop(self) -> None:
        buffer, unready = bytearray(), 0
        try:
            for received in self._received():
                buffer += received
                if self.stage is not Stage.SERVED:
                    unready += len(received)
                    if unready > UNREADY:
                        raise Malformed("endless handshake")
                self._hear_all(buffer)
                hub.sleep(0)
        except Unwelcome:
            pass
        except Malformed as error:
            LOG.warning("closing the connection from %s: %s", self.address, error)
        except Exception as error:  # os-ken's handshake handlers raise what they like on strange input
            LOG.warning("closing the connection from %s: %s: %.200s", self.address, type(error).__name__, error)
        finally:
            with contextlib.suppress(OSError):
                self.socket.close()

    def _received(self) -> Iterator[bytes]:
        while self.state != DEAD_DISPATCHER:
            try:
                received = self.socket.recv(READ)
            except (TimeoutError, ssl.SSLError):  # eventlet reports a TLS read time-out as SSLError
                continue
            except OSError:
                return
            if not received:
                return
            yield received

    def _hear_all(self, buffer: bytearray) -> None:
        limit = checks.SMALL if self.id is None else WHOLE
        for count, message in enumerate(checks.messages(buffer, limit), 1):
            if self.state == DEAD_DISPATCHER:
                return
            self._hear(message)
            if not count % TURN:
                hub.sleep(0)

    def _hear(self, message: bytes) -> None:
        version, kind, length, xid = HEADER.unpack_from(message)
        if kind in ANSWERS:
            for conversation in self.conversations:
                if xid in conversation.xids:
                    conversation.hear(message)
                    return
        if checks.parse_worthy(self.stage, self.ofproto.OFP_VERSION, message):
            self._greeted = True
            if kind == FEATURES_REPLY and not self.admits(datapath_id(message), self.address):
                raise Unwelcome
            if kind == MULTIPART_REPLY:
                # The ports, checked. os-ken needs to know only that they came: its objects for them cost 0.1 ms each.
                length, message = WITHOUT_BODY, message[:WITHOUT_BODY]
            self._dispatch(_parse(self, version, kind, length, xid, message))
            if self.when_named is not None and self.id is not None:
                self.when_named()
                self.when_named = None

    def _dispatch(self, message: Any) -> None:
        """What os-ken's own loop does with a message: to the observing apps, then to its handshake handlers."""
        if message is None or self.ofp_brick is None:
            return
        event = ofp_event.ofp_msg_to_ev(message)
        self.ofp_brick.send_event_to_observers(event, self.state)
        for handler in self.ofp_brick.get_handlers(event):
            if self.state in handler.callers[event.__class__].dispatchers:
                handler(event)


class _WithoutOptions:
    """A socket that takes every option for granted."""

    def __init__(self, peer: Any) -> None:
        self._peer = peer

    def setsockopt(self, *_: object) -> None:
        pass

    def __getattr__(self, name: str) -> Any:
        return getattr(self._peer, name)


def _parse(connection: Connection, version: int, kind: int, length: int, xid: int, message: bytes) -> Any:
    """os-ken's object for a message. Raises Malformed when the parser fails or does not come to an end.

    Called past `ofproto_parser.msg`, which would write a hex dump of every bad message into the log.
    """
    signal.setitimer(signal.ITIMER_VIRTUAL, PARSING)
    try:
        return connection.ofproto_parser.msg_parser(connection, version, kind, length, xid, message)
    except Malformed:
        raise
    except Exception as error:
        raise Malformed(f"message type {kind} cannot be parsed: {type(error).__name__}") from error
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)


def stop_parsing(*_: object) -> None:
    """Signal handler for the virtual timer: the last net under the length checks."""
    raise Malformed("the parser did not finish")
