"""/v1/config: all that is wanted as one document; what another document would change, and that change made."""

from __future__ import annotations

import pickle
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated

from pydantic import Field, TypeAdapter

from app.core.declared import Steps, fingerprint, settle
from app.core.inventory import Inventory
from app.core.parsing import parse_name, parse_owner
from app.core.problems import NotFound
from app.service import AsideTooLong, Plan
from rest import query as queries
from rest.config import plans as planning
from rest.config.reading import JSON, YAML
from rest.config.writing import exported, text_of
from rest.decode import decode
from rest.exchange import Answer, Asking, Call, Written
from rest.execution import Inside
from rest.fields import Document
from rest.problems import RETRY, Failure
from rest.validation import Schema, fields_of

TEXT = "text/plain"
AT_ONCE = 4  # plans and applications that are being computed, or wait for it
TRIES = 3
LIGHT = 10  # values that the hub can put at once
REFERENCE_MAX = 1024  # bytes of a body that names a plan
DELETES_MAX = 999_999_999


class PlanReference(Document):
    """A plan that `config:plan` gave."""

    plan_id: Annotated[str, Field(max_length=64)]


REFERENCE = Schema(TypeAdapter(PlanReference), {"": fields_of(PlanReference)})


def get(call: Call) -> Asking:
    """All that is wanted, as a document that `config:plan` and `config:apply` take; of one tenant or owner if said."""
    tenant = queries.value(call.query, "tenant", parse_name)
    owner = queries.value(call.query, "owner", parse_owner)
    mine = call.caller.tenant
    if mine is not None and tenant not in (None, mine):
        raise NotFound("tenant", tenant or "")
    inventory, tenant, media = call.firewall.inventory, mine or tenant, call.media
    if tenant is not None:
        inventory.get("tenant", tenant)

    def export() -> tuple[int, bytes]:
        return inventory.revision, text_of(exported(inventory, tenant, owner), media)

    def answer(found: tuple[int, bytes]) -> Answer:
        return Answer(200, found[1], {"X-Revision": str(found[0])}, media)

    return Asking(lambda: call.firewall.aside(export), answer)


def plan(call: Call) -> Asking:
    """What a document would change: values, flows by switch, who can newly reach whom. Nothing is changed; the answer's
    `plan_id` is good for ten minutes."""
    asked = _asked(call)

    def ask() -> planning.Drawn:
        with _counted(call), _in_time(asked):
            return planning.drawn(call.firewall, asked, as_text=call.media == TEXT)

    def answer(drawn: planning.Drawn) -> Answer:
        call.firewall.plans.keep(drawn.plan)
        kind = f"{TEXT}; charset=utf-8" if call.media == TEXT else JSON
        return Answer(200, drawn.answer, {"X-Revision": str(drawn.plan.revision)}, kind)

    return Asking(ask, answer)


def apply(call: Call) -> Written:
    """Make exactly what was planned, or what a document says, in one transaction."""
    confirmed = queries.number(call.query, "confirm_deletes", 0, DELETES_MAX)
    if (id := _reference(call)) is not None:
        _refuse_prune(call)
        planned = _known(call, id)
        _confirm(planned, confirmed)
        return _written(planned, _carried_out(call, planned))
    asked = _asked(call)
    with _counted(call):
        for left in reversed(range(TRIES)):
            with _in_time(asked):
                planned = planning.drafted(call.firewall, asked)
            _confirm(planned, confirmed)
            try:
                return _written(planned, _carried_out(call, planned))
            except Failure as failure:
                if failure.code != "stale_plan" or not left:
                    raise
    raise AssertionError("the last try returns or raises")


def _asked(call: Call) -> planning.Asked:
    prune = queries.choice(call.query, "prune", planning.PRUNES) or "none"
    return planning.Asked(call.caller, prune, call.body, call.body_type)  # type: ignore[arg-type]


def _reference(call: Call) -> str | None:
    """The id of the plan that the body names; None if it is a document of its own."""
    if call.body_type != JSON or len(call.body) > REFERENCE_MAX or b'"plan_id"' not in call.body:
        return None
    return REFERENCE.read(decode(call.body)).plan_id


def _refuse_prune(call: Call) -> None:
    if "prune" in call.query:
        raise Failure(400, "invalid_query", "a plan says already what goes: leave prune to config:plan")


def _known(call: Call, id: str) -> Plan:
    """Who is limited to a tenant finds plans of its own kind only."""
    found = call.firewall.plans.get(id)
    if found is None or call.caller.tenant not in (None, found.tenant):
        raise NotFound("plan", id[:64])
    return found


def _confirm(planned: Plan, confirmed: int | None) -> None:
    """A slip that deletes everything must not be one word long."""
    if confirmed == planned.deletes or (confirmed is None and not planned.is_sweeping):
        return
    detail = f"{planned.deletes} things would be deleted; if that is meant, say confirm_deletes={planned.deletes}"
    raise Failure(422, "confirm_required", detail, would_delete=planned.deletes)


def _carried_out(call: Call, planned: Plan) -> int:
    """The revision that has it."""

    def change(inventory: Inventory, now: str) -> int:
        if fingerprint(inventory, planned.tenants) != planned.fingerprint:
            detail = "something that the plan depends on has changed since; plan again"
            raise Failure(409, "stale_plan", detail, planned_at=planned.planned_at, planned_revision=planned.revision,
                          current=inventory.revision)  # fmt: skip
        steps: Steps = pickle.loads(planned.steps)
        settle(inventory, steps, now)
        return inventory.revision

    if sum(planned.summary.values()) <= LIGHT or isinstance(call.firewall, Inside):
        return call.write(change)
    return call.write_heavy(change)


def _written(planned: Plan, revision: int) -> Written:
    body = {"plan_id": planned.id or None, "summary": planned.summary, "revision": revision}
    return Written(revision, lambda: Answer(200, {name: said for name, said in body.items() if said is not None}))


@contextmanager
def _counted(call: Call) -> Iterator[None]:
    busy, tenant = call.firewall.plans.busy, call.caller.tenant
    if busy.total() >= AT_ONCE or (tenant and busy[tenant] >= AT_ONCE // 2):
        raise Failure(503, "overloaded", "other configurations are being computed; try again", headers=RETRY)
    busy[tenant] += 1
    try:
        yield
    finally:
        busy[tenant] -= 1


@contextmanager
def _in_time(asked: planning.Asked) -> Iterator[None]:
    try:
        yield
    except AsideTooLong:
        if asked.media == YAML:
            detail = f"this YAML takes longer to read than {planning.SECONDS} s; JSON is read a hundred times as fast"
            raise Failure(413, "too_large", detail) from None
        raise
