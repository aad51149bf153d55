"""How a handler that writes is run: for good, for trial (``dry_run``), or once for each idempotency key."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, TypeVar

from app.clock import utc_now
from app.core.inventory import Inventory
from app.core.preview import Preview
from app.core.reach.assertions import keeping
from app.service import Done, Firewall, Reply
from rest import query as queries
from rest.changes import told
from rest.exchange import Answer, Asking, Call, Pending, Stream, Written
from rest.heavy import write_heavy
from rest.problems import RETRY, Failure
from rest.recording import Recorder, notes
from rest.views.pretty import verbatim

T = TypeVar("T")
Outcome = Answer | Written | Pending | Asking | Stream
Handler = Callable[[Call], Outcome]

# draft-ietf-httpapi-idempotency-key-header-06, which wants quotes; who leaves them out is understood.
KEY = re.compile(r'"?([\x21\x23-\x5b\x5d-\x7e]{1,128})"?')
LIGHT_BYTES = 16 << 10  # of a body that the hub can see to at once
SHOWN_HEADERS = ("ETag", "Location")
CONDITIONS = ("If-Match", "If-None-Match")


class Execution:
    """Runs handlers. Knows which idempotency keys are being used just now."""

    def __init__(self) -> None:
        self._running: set[tuple[str, str]] = set()

    def run(self, handler: Handler, call: Call, keyed: bool, tries: bool) -> Outcome:
        """What the handler gives, with ``?dry_run`` and ``Idempotency-Key`` honoured. `keyed`: may it have a key?
        `tries`: is a dry run for us to make?"""
        call = replace(call, writer=Recorder(call.firewall, call.origin))
        if tries and queries.flag(call.query, "dry_run"):
            return _trial(handler, call)
        header = call.headers.get("Idempotency-Key")
        if header is None:
            return handler(call)
        if not keyed:
            raise Failure(400, "invalid_idempotency_key", "the answer to this is not kept; send no key with it")
        return self._once(handler, call, _key(header))

    def _once(self, handler: Handler, call: Call, key: str) -> Outcome:
        origin = call.origin
        # A token of the same name may be made again, as somebody else: it has none of the first one's answers.
        owner = f"{origin.caller.how}/{origin.caller.name}/{origin.caller.role}/{origin.caller.tenant or ''}"
        if (owner, key) in self._running:
            detail = "the first request with this key is still running"
            raise Failure(409, "idempotency_in_progress", detail, headers=RETRY)
        self._running.add((owner, key))
        try:
            print_ = _fingerprint(call)
            known = call.firewall.reply(owner, key, utc_now())
            if known is None:
                return _kept(handler, call, lambda *said: Reply(owner, key, print_, *said))
        finally:
            self._running.discard((owner, key))
        if known.fingerprint != print_:
            raise Failure(422, "idempotency_key_reused", "the key was used with another request; take a new one")
        return Written(known.revision, lambda: _replayed(known))


def _key(header: str) -> str:
    match = KEY.fullmatch(header.strip())
    if not match:
        raise Failure(400, "invalid_idempotency_key", "Idempotency-Key is 1 to 128 printable characters, best a UUID")
    return match[1]


def _fingerprint(call: Call) -> str:
    """What makes it the same request. How long the client wants to wait is no part of it."""
    query = {name: values for name, values in sorted(call.query.items()) if name != "wait"}
    conditions = [call.headers.get(name) for name in CONDITIONS]
    said = json.dumps([call.origin.method, call.path, query, conditions]).encode()
    return hashlib.sha256(said + b"\0" + call.body).hexdigest()


def _replayed(reply: Reply) -> Answer:
    body = json.loads(reply.body) if reply.body else None
    return Answer(reply.status, body, {**reply.headers, "Idempotent-Replayed": "true"})


def _kept(handler: Handler, call: Call, reply: Callable[..., Reply]) -> Outcome:
    """Run the handler so that its answer becomes durable together with what it changed."""
    revisions: list[int] = []

    def change(inventory: Inventory, now: str) -> tuple[Outcome | None, Answer]:
        outcome = handler(inside(call, inventory, now))
        return outcome, rendered(outcome)

    def also(done: Done) -> Any:
        answer: Answer = done.result[1]
        revisions.append(done.revision)
        headers = {name: text for name, text in answer.headers.items() if name in SHOWN_HEADERS}
        body = "" if answer.body is None else json.dumps(answer.body, ensure_ascii=False)
        said = reply(done.now, done.revision, answer.status, headers, body)
        return (*notes(call.origin, done, answer.status), said)

    if len(call.body) <= LIGHT_BYTES and not queries.flag(call.query, "cascade"):
        outcome, answer = call.firewall.write(change, also)
        return outcome or answer
    # What comes out of the copy is the answer only, as it is before any switch has heard of it.
    firewall = call.firewall
    _, answer = write_heavy(
        firewall,
        lambda *of: (None, change(*of)[1]),
        lambda made: firewall.place(made, also),
        lambda change: firewall.write(change, also),
        call.pause,
    )
    return Written(revisions[-1], lambda: answer)


# -- inside of another write


class Inside:
    """The firewall as a handler sees it whose writes are part of another write, which must not wait for anything."""

    def __init__(self, firewall: Firewall, inventory: Inventory, now: str) -> None:
        self._firewall, self.inventory, self._now = firewall, inventory, now

    def write(self, change: Callable[[Inventory, str], T], also: Any = None) -> T:
        with self.inventory.attempt():
            return change(self.inventory, self._now)

    def preview(self, *_: Any, **__: Any) -> Any:
        raise Failure(422, "not_possible_here", "this cannot be part of something larger")

    def aside(self, function: Callable[[], T], seconds: float = 20) -> T:
        return function()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._firewall, name)


class _InsideWriter:
    """The outer write is what is recorded."""

    def __init__(self, firewall: Inside) -> None:
        self._firewall = firewall

    def write(self, change: Callable[[Inventory, str], T], status: Callable[[T], int]) -> T:
        return self._firewall.write(change)

    def write_heavy(
        self, change: Callable[[Inventory, str], T], status: Callable[[T], int], pause: Callable[[], None]
    ) -> T:
        return self._firewall.write(change)

    def act(self, status: int) -> None:
        raise Failure(422, "not_possible_here", "what is done to switches cannot be part of something larger")


def inside(call: Call, inventory: Inventory, now: str) -> Call:
    """The call for a handler that runs within ``change(inventory, now)`` of an outer write."""
    firewall: Any = Inside(call.firewall, inventory, now)
    return replace(call, firewall=firewall, writer=_InsideWriter(firewall), pause=_go_on)


def _go_on() -> None:
    """Nobody else gets a turn within a write."""


def rendered(outcome: Outcome) -> Answer:
    """The answer as it is now, before anybody waits."""
    if isinstance(outcome, Written):
        return outcome.answer()
    if isinstance(outcome, Answer):
        return outcome
    raise Failure(422, "not_possible_here", "what asks switches cannot be part of something larger")


# -- for trial


def _trial(handler: Handler, call: Call) -> Asking:
    """Do it to a copy, and tell what came of it."""

    def change(inventory: Inventory, now: str) -> Any:
        return rendered(handler(inside(call, inventory, now))).body

    names = switch_names(call.firewall)
    tried = lambda found: _tried(found, names)  # noqa: E731 - beside the hub, as all of it
    return Asking(lambda: call.firewall.preview(keeping(change), False, tried), lambda body: Answer(200, body))


def _tried(found: Preview, names: Mapping[str, str]) -> dict[str, Any]:
    flows = {
        names.get(dpid, dpid): {"added": flows.added, "removed": flows.removed}
        for dpid, flows in sorted(found.flows.items())
        if flows.added or flows.removed
    }
    changes, result = verbatim(told(found.changes)), verbatim(found.result)
    return {"dry_run": True, "changes": changes, "flows": flows, "result": result}


def switch_names(firewall: Firewall) -> Mapping[str, str]:
    """The names of the switches that have one, by datapath id."""
    stored = firewall.inventory.list("switch")
    return {each.value.id[0]: name for each in stored if (name := getattr(each.value, "name", None))}
