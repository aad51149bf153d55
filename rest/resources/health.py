"""/livez, /readyz, /version: for probes and for people."""

from __future__ import annotations

from typing import Any

from rest import query as queries
from rest.exchange import Answer, Call
from rest.problems import RETRY, Failure


def livez(call: Call) -> Answer:
    """The process answers. Says nothing else, because nobody needs a token for it."""
    return Answer(200, "ok\n")


def readyz(call: Call) -> Answer:
    """200 when nothing is missing, else 503 ``starting`` with component and reason; why, only for who may know."""
    missing, verbose = call.firewall.ready(), queries.flag(call.query, "verbose")
    if not call.caller.may("operator"):
        return _briefly(is_ready=not missing)
    more: dict[str, Any] = (
        {"revision": call.firewall.inventory.revision, "switches": _switches(call)} if verbose else {}
    )
    if missing:
        detail = "; ".join(f"{component}: {reason}" for component, reason in missing.items())
        raise Failure(503, "starting", detail, headers=RETRY, ready=False, missing=missing, **more)
    return Answer(200, {"ready": True, "missing": {}, **more})


def _briefly(*, is_ready: bool) -> Answer:
    """For probes, which need no token."""
    if not is_ready:
        raise Failure(503, "starting", "it is not ready", headers=RETRY, ready=False)
    return Answer(200, {"ready": True})


def _switches(call: Call) -> list[dict[str, str | int | bool]]:
    return [
        {"dpid": s.dpid, "connected": s.connected, "state": s.state, "lag": s.wanted_revision - s.applied_revision}
        for s in call.firewall.switches()
    ]


def version(call: Call) -> Answer:
    """The versions of ovswarden and of what it runs on."""
    return Answer(200, dict(call.about))
