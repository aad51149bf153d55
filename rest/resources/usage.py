"""/v1/usage: how full the conntrack zones are, the fullest first: who is near a limit?"""

from __future__ import annotations

from typing import Any

from app.core.parsing import parse_name
from app.core.problems import NotFound
from app.service import Fill
from rest import query as queries
from rest.exchange import Answer, Call
from rest.paging import LIMIT, LIMIT_MAX
from rest.resources.conntrack import switch_name
from rest.resources.drops import switch_id

FILTERS = ("tenant", "switch")


def get(call: Call) -> Answer:
    """Connections and limits of the zones on every switch, as the last look found them; the fullest first."""
    tenants = queries.values(call.query, "tenant", parse_name)
    for tenant in tenants:
        if not call.caller.sees(tenant) or not call.firewall.inventory.find("tenant", tenant):
            raise NotFound("tenant", tenant)
    switches = queries.values(call.query, "switch", lambda text: switch_id(call, text))
    limit = queries.number(call.query, "limit", 1, LIMIT_MAX) or LIMIT
    observed = call.firewall.observed
    items: list[dict[str, Any]] = []
    for fill in call.paced(observed.fullest()):
        if len(items) == limit:
            break
        is_asked = (not tenants or fill.tenant in tenants) and (not switches or fill.switch in switches)
        if is_asked and call.caller.sees(fill.tenant):
            items.append(_view(call, fill))
    return Answer(200, {"items": items, "looked_at": observed.fills_at})


def _view(call: Call, fill: Fill) -> dict[str, Any]:
    ratio = fill.ratio
    return {
        "tenant": fill.tenant,
        "vlan": fill.vlan,
        "zone": fill.zone,
        "switch": switch_name(call, fill.switch),
        "connections": fill.connections,
        "limit": fill.limit,
        "ratio": None if ratio is None else round(ratio, 4),
        "refused": fill.refused,
    }
