"""/v1/revisions/{n}: has what was written at revision n reached the switches?"""

from __future__ import annotations

import re
from typing import Any

from app.core.problems import NotFound
from rest.exchange import Answer, Call, Written


def get(call: Call) -> Written:
    """200 when every connected switch has confirmed it, 202 with those that lag otherwise; 404 for the future."""
    text = call.params["revision"]
    if not re.fullmatch(r"[0-9]{1,15}", text) or int(text) > call.firewall.inventory.revision:
        raise NotFound("revision", text)
    revision = int(text)
    return Written(revision, lambda: Answer(200, _view(call, revision)), wait=0.0)


def _view(call: Call, revision: int) -> dict[str, Any]:
    inventory = call.firewall.inventory
    switches = []
    for status in call.firewall.switches():
        stored = inventory.find("switch", status.dpid)
        switches.append(
            {
                "dpid": status.dpid,
                "name": stored.value.name if stored else None,
                "connected": status.connected,
                "applied_revision": status.applied_revision,
            }
        )
    return {"revision": revision, "current": inventory.revision, "switches": switches}
