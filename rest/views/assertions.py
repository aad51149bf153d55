"""Assertions and how they stand, as JSON."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

from app.core.assertions import Assertion
from app.core.parsing import protocol_name
from app.core.reach.assertions import Outcome, Reason

Document = dict[str, Any]


def document(assertion: Assertion) -> Document:
    """As it was put: without the port, if it is about all."""
    return {
        "from": assertion.source,
        "to": assertion.target,
        "protocol": protocol_name(assertion.protocol),
        **({"port": assertion.port} if assertion.port is not None else {}),
        "ethertype": assertion.ethertype,
        "expect": assertion.expect,
        "description": assertion.description,
    }


def outcome_document(outcome: Outcome) -> Document:
    """`place` is the assertion's place in the list, from 0; `reasons` are examples."""
    reasons = [reason_document(reason) for reason in outcome.reasons]
    return {
        "place": outcome.place,
        **document(outcome.assertion),
        "result": outcome.result,
        **({"reasons": reasons} if reasons else {}),
        **({"detail": outcome.detail} if outcome.detail else {}),
    }


def reason_document(reason: Reason) -> Document:
    """Who reaches whom by which rules, or who refuses."""
    ends = {"from": reason.source, "to": reason.target, "traffic": list(reason.traffic)}
    return ends | ({"refused_by": reason.refused_by} if reason.refused_by else {"rules": list(reason.rules)})


def report(tenant: str, outcomes: Sequence[Outcome], revision: int) -> Document:
    """All outcomes, and how many there are of which kind."""
    counts = Counter(outcome.result for outcome in outcomes)
    sums = {result: counts[result] for result in ("passed", "failed", "moot")}
    return {"tenant": tenant, **sums, "items": [outcome_document(o) for o in outcomes], "revision": revision}


def broken_documents(broken: Iterable[tuple[str, Any]], most: int) -> list[Document]:
    """What a refused write would have broken; the first ones."""
    return [{"tenant": tenant, **outcome_document(outcome)} for tenant, outcome in list(broken)[:most]]
