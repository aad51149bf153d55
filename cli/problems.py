"""Refusals in words: what is wrong, where, and what was probably meant."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from cli.places import TOKEN, Place


class Failed(Exception):
    """The API refused, or cannot be reached. `problem` is its RFC 9457 document, if it sent one; `status` is 0 if
    nobody answered."""

    def __init__(self, text: str, problem: Mapping[str, Any] | None = None, status: int = 0) -> None:
        super().__init__(text)
        self.problem, self.status = problem or {}, status

    @property
    def code(self) -> str:
        return str(self.problem.get("code", ""))


def refusal(status: int, phrase: str, content: bytes, place: Place) -> Failed:
    """What an answer that is no success says."""
    try:
        problem = json.loads(content)
        text = "\n  ".join([str(problem["detail"]), *_lines(problem, place)])
    except (ValueError, KeyError, TypeError, AttributeError):
        return Failed(f"{place.where} answers {status} {phrase}; is that ovswarden's API?", status=status)
    return Failed(text, problem, status)


def _lines(problem: Mapping[str, Any], place: Place) -> Iterator[str]:
    for each in problem.get("errors", ()):
        hint = f"try {each['hint']}" if each.get("hint") else ""
        if each["detail"] != problem["detail"]:
            hint = each["detail"] + (f" ({hint})" if hint else "")
        if hint:
            yield f"{each['pointer']}: {hint}"
    if problem.get("hint") and not problem.get("errors"):
        yield f"try {problem['hint']}"
    if problem.get("needs"):
        yield f"that needs the role {problem['needs']}"
    if problem.get("referrers"):
        yield f"needed by {', '.join(problem['referrers'])}"
    if problem.get("conflicts_with"):
        yield f"in conflict with {problem['conflicts_with']}"
    for switch in problem.get("switches", ()) if problem["code"] == "too_many_flows" else ():
        yield json.dumps(switch)
    for assertion in problem.get("assertions", ()):
        yield from _broken(assertion)
    for each in problem.get("flushed", ()):
        yield f"{each['switch']}: {each.get('detail')}"
    if problem["code"] in ("unauthorized", "unauthenticated", "token_expired") or problem.get("status") == 401:
        yield from _no_entry(place)
    if request := problem.get("request_id"):
        yield f"[{problem['code']}, request {request}]"


def _broken(assertion: Mapping[str, Any]) -> Iterator[str]:
    port = f"/{assertion['port']}" if assertion.get("port") else ""
    ends = f"{assertion['from']} to {assertion['to']} {assertion.get('protocol') or 'anything'}{port}"
    yield f"{assertion['tenant']}: {ends} was to be {assertion['expect']}"
    for reason in assertion.get("reasons", ()):
        by = f" by {', '.join(reason['rules'])}" if reason.get("rules") else ""
        yield f"  {reason['from']} to {reason['to']} {', '.join(reason.get('traffic', ()))}{by}"


def _no_entry(place: Place) -> Iterator[str]:
    if place.token or place.token_file:
        yield f"the token is that of {place.token_file or 'OVSWARDEN_TOKEN or the context'}"
    else:
        yield f"set OVSWARDEN_TOKEN, --token-file or a context (the first start made {TOKEN});"
        yield "root needs none by rest_socket: --socket"
