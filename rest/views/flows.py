"""Flows of switches as JSON, and as `ovs-ofctl dump-flows` writes them."""

from __future__ import annotations

from typing import Any

from app.core import ofctl, words
from app.core.explained import Count, Installed
from app.core.flow import Flow

UNREADABLE = "(says what no flow of ovswarden can)"


def content(flow: Flow) -> dict[str, Any]:
    """What a flow says: in ovs-ofctl's words, and in those of docs/pipeline.md."""
    return {
        "table": words.table_name(flow.table),
        "table_id": flow.table,
        "priority": flow.priority,
        "match": ofctl.match(flow),
        "actions": ofctl.actions(flow),
        "says": words.in_table(flow).strip(),
    }


def counted(count: Count) -> dict[str, Any]:
    """A flow as a switch has it."""
    said = content(count.flow) if count.flow else _unreadable(count)
    return {"cookie": f"{count.cookie:#x}", **said, **counters(count)}


def installed(each: Installed) -> dict[str, Any]:
    """A flow that decides about a port, where it comes from, and whether the switch has it."""
    origin = {"part": each.part, "rule": each.rule, "cookie": f"{each.flow.cookie:#x}"}
    return {**origin, **content(each.flow), "installed": each.count is not None, **counters(each.count)}


def counters(count: Count | None) -> dict[str, int | None]:
    if count is None:
        return {"packets": None, "bytes": None, "seconds": None}
    return {"packets": count.packets, "bytes": count.bytes, "seconds": count.seconds}


def line(count: Count, about: str = "") -> str:
    """As ovs-ofctl writes it, with a comment that ovs-ofctl understands to be one."""
    if count.flow is None:
        head = f"cookie={count.cookie:#x}, table={count.table}, n_packets={count.packets}, priority={count.priority}"
        return f"{head}  # {UNREADABLE}"
    text = ofctl.counted(count.flow, count.cookie, count.seconds, count.packets, count.bytes)
    return text + (f"  # {about}" if about else "")


def wanted_line(flow: Flow, about: str) -> str:
    """A flow that is wanted and not there."""
    return f"# not installed: table={flow.table}, {ofctl.match(flow)} actions={ofctl.actions(flow)}  # {about}"


def key(flow_table: int, priority: int, cookie: int) -> str:
    """The order of lists: by table, the first that is asked first."""
    return f"{flow_table:03}.{0xFFFF - priority:05}.{cookie:016x}"


def _unreadable(count: Count) -> dict[str, Any]:
    told = {"table": words.table_name(count.table), "table_id": count.table, "priority": count.priority}
    return {**told, "match": None, "actions": None, "says": UNREADABLE}
