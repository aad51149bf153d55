"""A trace as JSON and as text. Who belongs to a tenant sees nothing of another's: neither its ports nor its rules."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from app.core.explained import Checked
from app.core.question import NearMiss, Step, Trace
from rest.caller import Caller

BEYOND = "beyond the tenant"


def view(trace: Trace, revision: int, caller: Caller) -> dict[str, Any]:
    back = trace.way_back
    packet = dict(trace.packet)
    if not _sees_all(trace, caller):
        packet.pop("eth_dst", None)
    return {
        "verdict": trace.verdict,
        "decided_by": _decided(trace, caller),
        "packet": packet,
        "steps": [_step(step, caller, _sees_all(trace, caller)) for step in trace.steps],
        "near_misses": [_near(miss) for miss in trace.near_misses if _sees(caller, miss.port)],
        "delivered_to": list(trace.delivered_to) if _sees_all(trace, caller) else [BEYOND] * len(trace.delivered_to),
        "way_back": back and {
            "verdict": back.verdict,
            "decided_by": _decided(back, caller),
            "steps": [_step(step, caller, _sees_all(back, caller)) for step in back.steps],
        },
        "engine": "model",
        "revision": revision,
    }  # fmt: skip


def checked(found: Sequence[Checked], caller: Caller, name: Callable[[str], str]) -> dict[str, Any]:
    """What the switches say. `agrees` is None if it cannot be said, as of a packet that crosses none."""
    agrees = [each.agrees for each in found]
    switches = [
        {
            "switch": name(each.dpid),
            "agrees": each.agrees,
            "differences": list(each.differences),
            "compared": {"sections": each.sections, "of": each.of_sections},
            "tables": list(each.tables),
            **(_in_full(each) if caller.tenant is None else {}),
        }
        for each in found
    ]
    said = False if False in agrees else None if None in agrees or not agrees else True
    tables = list(dict.fromkeys(table for each in found for table in each.tables))
    return {"checked": bool(found), "agrees": said, "tables": tables, "switches": switches}


def _in_full(each: Checked) -> dict[str, Any]:
    """The question and the answer, which name other tenants' MACs and flows."""
    states = (f"--ct-next {state}" for state in each.states)
    return {"asked": " ".join(["ofproto/trace", each.flow, *states]), "output": each.text}


def text(shown: dict[str, Any]) -> str:
    """The same for a terminal: the verdict, the way, what would nearly have let it through."""
    lines = [_head(shown)]
    lines += ["", *(f"  {name:<10} {value}" for name, value in shown["packet"].items())]
    if shown["steps"]:
        lines += ["", *(_line(step) for step in shown["steps"])]
    if shown["near_misses"]:
        lines += ["", "nearly:", *(f"  {m['rule']} ({m['port']}): {m['because']}" for m in shown["near_misses"])]
    lines += ["", f"delivered to: {', '.join(shown['delivered_to']) or 'nobody'}"]
    if shown["way_back"]:
        lines += [f"the way back: {_head(shown['way_back'])}"]
    lines += _entry_lines(shown["conntrack"]) + _datapath_lines(shown["datapath"])
    return "\n".join([*lines, f"revision: {shown['revision']}"]) + "\n"


def _head(shown: dict[str, Any]) -> str:
    by = shown["decided_by"]
    who = ", ".join(f"{name} {by[name]}" for name in ("port", "rule") if by[name])
    return f"{shown['verdict'].upper()}  {by['reason']} at {by['stage']}" + (f" ({who})" if who else "")


def _line(step: dict[str, Any]) -> str:
    parts = (step["port"], step["rule"] and f"rule {step['rule']}", step["detail"])
    return f"  {step['stage']:<8} {step['result']:<8} {'  '.join(part for part in parts if part)}".rstrip()


def _entry_lines(entries: dict[str, Any] | None) -> list[str]:
    if not entries or not entries["items"]:
        return []
    lines = ["", "in conntrack:"]
    for each in entries["items"]:
        ports = [f":{each[name]}" if name in each else "" for name in ("sport", "dport")]
        state = f"  {each['state']}" if each["state"] else ""
        ends = f"{each['src']}{ports[0]} > {each['dst']}{ports[1]}"
        lines.append(f"  {each['switch']} zone {each['zone']}  {each['protocol']} {ends}{state}")
    if entries["now"]:
        lines.append(f"  its packets now: {_head(entries['now'])}")
    return lines


def _datapath_lines(datapath: dict[str, Any]) -> list[str]:
    if not datapath["checked"]:
        return []
    words = {True: "agrees", False: "DISAGREES", None: "cannot tell, changes are under way"}
    lines = ["", f"ofproto/trace: {words[datapath['agrees']]}"]
    for each in datapath["switches"]:
        lines += [f"  {each['switch']}: {difference}" for difference in each["differences"]]
    return lines


def _sees(caller: Caller, reference: str | None) -> bool:
    """Whether a caller may know of tenant/port, or tenant/group/key."""
    return reference is None or reference.startswith(("guardrail:", "ip:")) or caller.sees(reference.split("/")[0])


def _sees_all(trace: Trace, caller: Caller) -> bool:
    return all(_sees(caller, step.port) for step in trace.steps) and _sees(caller, trace.port)


def _decided(trace: Trace, caller: Caller) -> dict[str, Any]:
    seen = _sees(caller, trace.port) and _sees(caller, trace.rule)
    port, rule = (trace.port, trace.rule) if seen else (None, None)
    return {"stage": trace.stage, "port": port, "rule": rule, "reason": trace.reason}


def _step(step: Step, caller: Caller, sees_all: bool) -> dict[str, Any]:
    if not _sees(caller, step.port) or (step.result == "deliver" and not sees_all):
        return {"stage": step.stage, "result": step.result, "port": None, "rule": None, "detail": BEYOND}
    return {"stage": step.stage, "result": step.result, "port": step.port, "rule": step.rule, "detail": step.detail}


def _near(miss: NearMiss) -> dict[str, Any]:
    return {"rule": miss.rule, "port": miss.port, "because": miss.because}
