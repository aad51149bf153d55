"""A plan as people and shell scripts read it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

SIGNS = {"add": "+", "change": "~", "delete": "-"}


def text_of_plan(plan: dict[str, Any]) -> str:
    """One line a change, a switch, a way that opens or closes, an assertion that fails; then ``name: value`` lines."""
    return "".join(f"{line}\n" for line in _lines(plan))


def _lines(plan: dict[str, Any]) -> Iterator[str]:
    for change in plan["changes"]:
        yield f"{SIGNS[change['op']]} {change['path']}"
        if change["op"] == "change":
            before, after = change["before"], change["after"]
            for name in (*before, *(name for name in after if name not in before)):
                if before.get(name) != after.get(name):
                    yield f"    {name}: {_short(before.get(name))} -> {_short(after.get(name))}"
    if not plan["changes_complete"]:
        yield "... and more changes"
    for switch, flows in plan["flows"].items():
        if flows["added"] or flows["removed"]:
            yield f"switch {switch}: {flows['added']} flows more, {flows['removed']} less"
    for way in plan["reachability"]:
        verb = "now reaches" if way["after"] == "allow" else "no longer reaches"
        yield f"{way['tenant']}: {way['from']} {verb} {way['to']} {way['words']}"
    if not plan["reachability_complete"]:
        yield "... and more that is reached, or no longer"
    for failure in plan["assertions"]["failures"]:
        port = f"/{failure['port']}" if "port" in failure else ""
        ends = f"{failure['from']} to {failure['to']} {failure['protocol']}{port}"
        yield f"{failure['tenant']}: ASSERTION FAILS: {ends} {failure['expect']}"
    counts = plan["summary"]
    yield f"{counts['add']} to add, {counts['change']} to change, {counts['delete']} to delete"
    yield f"plan_id: {plan['plan_id']}"
    yield f"expires_at: {plan['expires_at']}"
    if plan["needs_confirm_deletes"] is not None:
        yield f"confirm_deletes: {plan['needs_confirm_deletes']}"


def _short(value: Any) -> str:
    text = "nothing" if value in (None, "", [], {}) else str(value)
    return text if len(text) <= 60 else text[:57] + "..."
