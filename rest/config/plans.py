"""A declared configuration carried out on a copy: what it would change, and the steps to change just that."""

from __future__ import annotations

import json
import pickle
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from app.clock import utc_now
from app.core.declared import GOING, Key, Misfits, Prune, Steps, fingerprint, key_of, settle, surplus
from app.core.inventory import Inventory, Write
from app.core.parsing import protocol_name
from app.core.preview import Preview, net
from app.core.problems import BindingConflict, NotFound, PriorityConflict, Problem, QuotaExceeded
from app.core.reach.assertions import outcomes
from app.core.reach.changes import ReachChange
from app.service import Firewall, Plan
from rest.access.permits import forbidden
from rest.access.writes import guarded
from rest.caller import Caller
from rest.changes import told
from rest.config.documents import OF_ALL, Declaration, declaration, misfit_faults
from rest.config.reading import document_of
from rest.config.text import text_of_plan
from rest.execution import Inside, switch_names
from rest.problems import ERRORS_SHOWN, Fault, invalid_body
from rest.views.assertions import report

PRUNES: tuple[Prune, ...] = ("none", "owned", "all")
SECONDS = 60  # for one computation; YAML is read at some 130 kB a second
CHANGES_SHOWN = 10_000
OPS = ("add", "change", "delete")


class Asked(NamedTuple):
    """A document, and how far it goes for whom."""

    caller: Caller
    prune: Prune
    body: bytes
    media: str


class Drawn(NamedTuple):
    plan: Plan
    answer: bytes


class _Done(NamedTuple):
    """What was found on the way, before anything was changed."""

    tenants: tuple[str, ...]
    fingerprint: Any
    revision: int
    is_sweeping: bool


def drawn(firewall: Firewall, asked: Asked, as_text: bool = False) -> Drawn:
    """A plan and how it is shown; computed beside the hub. Assertions that would not hold are told, not refused."""
    plans = firewall.plans
    id, planned_at, expires_at = plans.new_id(), utc_now(), utc_now(plans.kept_seconds)
    names, inventory = switch_names(firewall), firewall.inventory

    def change(inventory: Inventory, now: str) -> _Done:
        return _carry(inventory, now, asked)

    def show(found: Preview) -> Drawn:
        plan = _plan(id, planned_at, asked, found.result, found.changes)
        answer = _shown(plan, found, inventory, names) | {"expires_at": expires_at}
        text = text_of_plan(answer) if as_text else json.dumps(answer, indent=2, ensure_ascii=False) + "\n"
        return Drawn(plan, text.encode())

    drawn: Drawn = firewall.preview(guarded(asked.caller, change), told=show, seconds=SECONDS)
    return drawn


def drafted(firewall: Firewall, asked: Asked) -> Plan:
    """The same without what is only to be shown."""
    inventory, now = firewall.inventory, utc_now()

    def compute() -> Plan:
        mark = len(inventory.journal)
        done = guarded(asked.caller, lambda inventory, now: _carry(inventory, now, asked))(inventory, now)
        return _plan("", now, asked, done, net(inventory.journal[mark:]))

    if not isinstance(firewall, Inside):
        return firewall.aside(compute, SECONDS)
    mark, revision = len(inventory.journal), inventory.revision
    try:
        return compute()
    finally:  # a copy already, but one that is still to be changed
        inventory.undo(mark)
        inventory.revision = revision


def _carry(inventory: Inventory, now: str, asked: Asked) -> _Done:
    """Make the inventory what the document says. `Failure` with every problem of it."""
    document = document_of(asked.body, asked.media)
    _check_reach_of(asked.caller, document)
    declared = declaration(document, inventory)
    if asked.prune == "owned" and not declared.owner:
        detail = "prune=owned deletes what an owner has declared before: say whose"
        raise invalid_body([Fault("#/owner", "missing_field", detail)])
    mine = asked.caller.tenant
    gone = surplus(inventory, declared.named, asked.prune, declared.owner, mine)
    tenants = {id[0] for kind, id in (*declared.named, *gone) if kind not in ("switch", "guardrail")}
    known = tuple(sorted(tenants | ({mine} if mine else set())))
    done = _Done(
        known, fingerprint(inventory, known), inventory.revision, _is_sweeping(inventory, declared, gone, mine)
    )
    try:
        settle(inventory, Steps(tuple(item.value for item in declared.items), tuple(gone)), now)
    except Misfits as misfits:
        raise _refusal(declared, misfits) from None
    return done


def _check_reach_of(caller: Caller, document: Any) -> None:
    """Who belongs to a tenant declares what is in it: nothing is even compared with what others have."""
    if caller.tenant is None or not isinstance(document, dict):
        return
    for name in OF_ALL:
        if document.get(name):
            raise forbidden("admin", f"{name} are an admin's to declare")
    tenants = document.get("tenants")
    for name in tenants if isinstance(tenants, dict) else ():
        if name != caller.tenant:
            raise NotFound("tenant", str(name)[:64])


def _is_sweeping(inventory: Inventory, declared: Declaration, gone: Sequence[Key], mine: str | None) -> bool:
    """Whether nothing of what may go would stay, or a tenant would go with all it has."""
    if not gone:
        return False
    if any(kind == "tenant" for kind, _ in gone):
        return True
    kinds = [kind for kind in GOING if kind != "tenant" and (mine is None or kind != "guardrail")]
    kept = [stored for kind in kinds for stored in (inventory.list(kind, mine) if mine else inventory.list(kind))]
    return not declared.items or len(gone) == len(kept)


def _refusal(declared: Declaration, misfits: Misfits) -> Exception:
    """All that is wrong with the document; or what stands in the way, if that is all."""
    for _, error in misfits.found:
        if isinstance(error, QuotaExceeded):  # what is not there then is missed by others
            return error
    faults = [
        fault
        for value, error in misfits.found
        if isinstance(error, Problem)
        for fault in misfit_faults(declared, value, error)
    ]
    if faults:
        return invalid_body(faults[:ERRORS_SHOWN], len(faults))
    value, error = misfits.found[0]
    if isinstance(error, BindingConflict | PriorityConflict):
        place = "/".join((key_of(value)[0], *value.id))
        return type(error)(f"{place}: {error}", error.conflicts_with)
    return error


def _plan(id: str, planned_at: str, asked: Asked, done: _Done, changes: Sequence[Write]) -> Plan:
    # Assertions go with their tenant, and by nothing else.
    changes = [write for write in changes if write.after or write.kind in GOING]
    steps = Steps(
        tuple(write.after.value for write in changes if write.after),
        tuple((write.kind, write.id) for write in changes if not write.after),
    )
    ops = Counter(change["op"] for change in told(changes))
    return Plan(
        id=id,
        tenant=asked.caller.tenant,
        steps=pickle.dumps(steps, pickle.HIGHEST_PROTOCOL),
        tenants=done.tenants,
        fingerprint=done.fingerprint,
        revision=done.revision,
        planned_at=planned_at,
        deletes=len(steps.deletes),
        is_sweeping=done.is_sweeping,
        summary={op: ops[op] for op in OPS},
    )


# -- shown


def _shown(plan: Plan, found: Preview, inventory: Inventory, names: Mapping[str, str]) -> dict[str, Any]:
    changes = told(found.changes)
    return {
        "plan_id": plan.id,
        "base_revision": plan.revision,
        "summary": plan.summary,
        "needs_confirm_deletes": plan.deletes if plan.is_sweeping else None,
        "changes": changes[:CHANGES_SHOWN],
        "changes_complete": len(changes) <= CHANGES_SHOWN,
        "flows": {
            names.get(dpid, dpid): {"added": flows.added, "removed": flows.removed}
            | (
                {} if plan.tenant else {"total": flows.total}
            )  # how much others have on a switch is not a tenant's affair
            for dpid, flows in sorted(found.flows.items())
            if flows.added or flows.removed or not plan.tenant
        },
        "reachability": [_reach(change) for change in found.reach],
        "reachability_complete": found.is_reach_whole,
        "assertions": _assertions(inventory, plan.tenants),
    }


def _reach(change: ReachChange) -> dict[str, Any]:
    low, high = change.ports or (None, None)
    return {
        "tenant": change.tenant,
        "from": change.source,
        "to": change.target,
        "ethertype": change.ethertype,
        "protocol": protocol_name(change.protocol),
        "port_min": low,
        "port_max": high,
        "before": change.before,
        "after": change.after,
        "words": change.words,
    }


def _assertions(inventory: Inventory, tenants: Sequence[str]) -> dict[str, Any]:
    """How those of the tenants would stand, with why some fail."""
    asked = [name for name in tenants if inventory.find("tenant", name)]
    reports = [report(name, outcomes(inventory, name), inventory.revision) for name in asked]
    told = [{"tenant": each["tenant"], **outcome} for each in reports for outcome in each["items"]]
    sums = Counter(outcome["result"] for outcome in told)
    failures = [outcome for outcome in told if outcome["result"] == "failed"]
    return {**{result: sums[result] for result in ("passed", "failed", "moot")}, "failures": failures}
