"""A connection to one OVSDB: its replica lives in a native thread, news come to the hub."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Mapping
from typing import Any
from uuid import UUID

import ovs.poller
import ovs.stream
from ovs.db.idl import Transaction

from app import green
from app.ovs import rows, rpc, threads, zones
from app.ovs.facts import Snapshot
from app.ovs.zones import Operation, Wish

SECONDS = 5.0  # for a connection
LOADING = 20.0  # for a first snapshot; that of 10 000 ports was seen to take 4 s on a busy machine
PROBE = 5000  # milliseconds without a word after which a TCP connection is probed
BACKOFF = (0.5, 1.0, 2.0, 4.0, 8.0)
REFUSED = 10.0  # seconds until what the database refused is tried again
NOT_YET = "not connected yet"
PACE = 0.1  # seconds between two transactions, also when somebody else keeps undoing them
# A snapshot of all is taken at each change, but that takes at most a fifth of a processor.
SHARE = 4


class Database:
    """The OVSDB at `remote`. `snapshot` is the last that it told, also while it is away; `trouble` says why it is away,
    and is empty while it is there. `refusal` says what it did not let us write. `on_news` is called in a green thread,
    with nothing, when any of them has changed.
    """

    def __init__(self, remote: str, on_news: Callable[[], None]) -> None:
        self.remote = remote
        self.snapshot: Snapshot | None = None
        self.trouble = NOT_YET
        self.reached = False  # it has answered, so a snapshot may be on its way
        self.refusal = ""
        self._on_news = on_news
        self._tried = threads.Event()  # the first snapshot is there
        self._news: deque[dict[str, Any]] = deque()
        self._told, self._wanted = threads.Bell(), threads.Bell()
        self._replica = Replica(remote, self._tell, self._wanted)
        threads.green(self._listen)
        threads.native(self._replica.run)

    @property
    def connected(self) -> bool:
        return not self.trouble

    def wait(self) -> bool:
        """Wait for the first snapshot; whether there is one. A big one that is on its way is waited for longer."""
        with green.Timeout(SECONDS, False):
            self._tried.wait()
        with green.Timeout(LOADING if self.reached else 0, False):
            self._tried.wait()
        return self.snapshot is not None

    def want(self, type: str, wanted: Mapping[int, Wish], in_use: frozenset[int], by: str = "") -> None:
        """Give the zones of a datapath type what they should have, now and whenever they do not; `zones.operations`.

        `by` tells askers apart; what an asker wants takes the place of what it wanted before.
        """
        self._replica.in_use = in_use
        self._replica.wanted = {**self._replica.wanted, (type, by): dict(wanted)}
        self._wanted.ring()

    def close(self) -> None:
        self._replica.closed = True
        self._wanted.ring()

    def _tell(self, **news: Any) -> None:
        """Called in the native thread."""
        self._news.append(news)
        self._told.ring()

    def _listen(self) -> None:
        while not self._replica.closed:
            self._told.wait()
            changed = False
            while self._news:
                for what, value in self._news.popleft().items():
                    changed |= getattr(self, what) != value
                    setattr(self, what, value)
            if self.snapshot is not None and not self._tried.ready():
                self._tried.send()
            if changed and not self._replica.closed:
                self._on_news()
        self._told.close()


class Replica:
    """What runs in the native thread: the replica, and what is written. Tells by `tell(attribute=value)`."""

    def __init__(self, remote: str, tell: Callable[..., None], bell: threads.Bell) -> None:
        self.remote = remote
        self.in_use: frozenset[int] = frozenset()
        # By datapath type and asker; replaced, not changed.
        self.wanted: dict[tuple[str, str], Mapping[int, Wish]] = {}
        self.closed = False
        self._tell, self._bell = tell, bell
        self._dpids: dict[UUID, str] = {}
        self._transaction: Transaction | None = None
        self._not_before = 0.0

    def run(self) -> None:
        """Until we are closed."""
        try:
            self._stay()
        finally:
            self._tell(trouble="closed")
            self._bell.close()

    def _stay(self) -> None:
        failures = 0
        while not self.closed:
            began = time.monotonic()
            try:
                self._serve()
            except (rpc.Unanswered, rpc.Rejected, OSError, ValueError) as error:
                reason = getattr(error, "strerror", None) or str(error)
            except Exception as error:
                reason = f"internal error: {error!r}"
            else:
                return
            failures = 0 if time.monotonic() - began > 2 * SECONDS else failures + 1
            self._tell(trouble=f"OVSDB {self.remote}: {reason}")
            self._pause(BACKOFF[min(failures, len(BACKOFF)) - 1] if failures else BACKOFF[0])

    def _serve(self) -> None:
        """Follow the database until it is lost, which raises, or we are closed."""
        if self.remote.startswith("ssl:") and not _is_trusting():
            raise rpc.Unanswered("it needs the settings ovsdb_private_key, ovsdb_certificate and ovsdb_ca_cert")
        schema = rpc.ask(self.remote, "get_schema", [rows.DATABASE], SECONDS)
        self._tell(reached=True)
        idl = rows.Replica(self.remote, rows.chosen(schema), PROBE)
        self._transaction = None
        try:
            self._follow(idl)
        finally:
            idl.close()

    def _follow(self, idl: rows.Replica) -> None:
        seen, deadline, next_look = 0, time.monotonic() + LOADING, 0.0
        reader = rows.Reader(idl, self._dpids)
        while not self.closed:
            idl.run()
            is_there = idl.has_ever_connected()
            now = time.monotonic()
            if is_there and not idl._session.is_connected():
                raise rpc.Unanswered("the connection was closed")
            if not is_there and now > deadline:
                raise rpc.Unanswered("it sent no content in time")
            if idl.change_seqno != seen and now >= next_look:
                seen, next_look = idl.change_seqno, self._look(reader, now)
            if is_there:
                self._write(idl, now)
            wake = [next_look if idl.change_seqno != seen else 0.0, 0.0 if is_there else deadline, self._not_before]
            self._wait(idl, min((at for at in wake if at > now), default=now + 60))

    def _look(self, reader: rows.Reader, now: float) -> float:
        """Tell what the database says now; when to look again at the earliest."""
        found = reader.snapshot()
        self._tell(snapshot=found, trouble="")
        done = time.monotonic()
        return done + SHARE * (done - now)

    def _write(self, idl: rows.Replica, now: float) -> None:
        """Write what is wanted and not there. What is refused is tried again after a while."""
        if self._transaction is not None:
            status = self._transaction.commit()
            if status == Transaction.INCOMPLETE:
                return
            refused = status not in (Transaction.SUCCESS, Transaction.UNCHANGED)
            self._not_before = now + (REFUSED if refused else PACE)
            self._tell(refusal=f"{status}: {self._transaction.get_error()}"[:500] if refused else "")
            self._transaction = None
        if now < self._not_before:
            return
        if operations := self._operations(idl):
            self._transaction = Transaction(idl)
            self._transaction.add_comment("ovswarden: limits and timeouts of conntrack zones")
            for operation in operations:
                self._transaction.add_op(operation)
            self._transaction.commit()

    def _operations(self, idl: rows.Replica) -> list[Operation]:
        """For one datapath type at a time."""
        if "CT_Zone" not in idl.tables:
            return []
        there, with_limits = rows.datapaths(idl), "limit" in idl.tables["CT_Zone"].columns
        wanted, in_use = self.wanted, self.in_use
        for type in sorted({type for type, _ in wanted}):
            wishes = {zone: wish for key, each in wanted.items() if key[0] == type for zone, wish in each.items()}
            datapath = there.get(type)
            held = rows.held(idl, datapath) if datapath else {}
            uuid = str(datapath.uuid) if datapath else None
            if operations := zones.operations(type, uuid, held, wishes, in_use, with_limits):
                return operations
        return []

    def _wait(self, idl: rows.Replica, until: float) -> None:
        poller = ovs.poller.Poller()
        idl.wait(poller)
        if self._transaction is not None:
            self._transaction.wait(poller)
        poller.fd_wait(self._bell.fileno(), ovs.poller.POLLIN)
        poller.timer_wait(max(1, int(1000 * (until - time.monotonic()))))
        poller.block()
        self._bell.hush()

    def _pause(self, seconds: float) -> None:
        """Until then, or until something is wanted of us."""
        end = time.monotonic() + seconds
        while not self.closed and (left := end - time.monotonic()) > 0:
            poller = ovs.poller.Poller()
            poller.fd_wait(self._bell.fileno(), ovs.poller.POLLIN)
            poller.timer_wait(max(1, int(1000 * left)))
            poller.block()
            self._bell.hush()


def _is_trusting() -> bool:
    return ovs.stream.Stream._SSL_ca_cert_file is not None


def trust(private_key: str | None, certificate: str | None, ca_certificate: str | None) -> None:
    """The files for ssl: remotes, of the whole process."""
    ovs.stream.Stream.ssl_set_private_key_file(private_key)
    ovs.stream.Stream.ssl_set_certificate_file(certificate)
    ovs.stream.Stream.ssl_set_ca_cert_file(ca_certificate)
