"""A firewall in which every metric has a value, without a switch and without a hub."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from app.bridges.line import Sent
from app.core.audit import Findings
from app.core.dialogue import Audited
from app.core.inventory import Inventory
from app.core.quota import Quota
from app.core.tokens import Token
from app.core.values import Switch, Tenant
from app.events import Events
from app.observing.gauges import Gauges
from app.observing.observed import Dropped, Fill, Observed
from app.observing.tallies import Family, Meters
from tests.core.world import DPID, NOW

ABOUT = {"ovswarden": "0.1.0", "python": "3.11", "os-ken": "4.2"}


def bridge(connected: bool = True) -> Any:
    sent = Sent()
    sent.ops.update({("add", "ok"): 40, ("delete", "ok"): 2, ("add", "failed"): 1})
    sent.errors.update({"timedout": 1})
    return SimpleNamespace(
        dpid=DPID,
        connected=connected,
        unfit=None,
        touched=set(),
        line=SimpleNamespace(datapath=SimpleNamespace(send_q=SimpleNamespace(qsize=lambda: 3))) if connected else None,
        session=SimpleNamespace(applied_revision=1),
        sent=sent,
        last_audit=Audited(Findings(1, 2, 3), mended=False),
        audit_totals={"repaired": 5, "audited_at": NOW},
    )


def inventory() -> Inventory:
    made = Inventory()
    made.put(Tenant("acme", quota=Quota(ports=10)), NOW)
    made.put(Switch(DPID, "host-1"), NOW)
    made.put(Token("ci", "operator", digest="0" * 64, expires_at=NOW), NOW)
    made.take_journal()
    return made


def observed() -> Observed:
    seen = Observed(states=Counter(active=2, down=1), ports=Counter(acme=3), rules=Counter(acme=7))
    seen.flows, seen.tables = Counter(acme=60), {DPID: Counter(guard=12, policy=8)}
    seen.quotas, seen.invalid = {("acme", "ports"): 0.3}, {DPID: 4}
    for reason, packets in {"ipv4": 9, "egress": 5, "ingress": 6, "rate_opened": 2}.items():
        seen.drops.add(0, Dropped("acme", "vm1", DPID, reason), packets)
    seen.fills[DPID] = (Fill("acme", 0, 1, DPID, 90, 100, 0), Fill("acme", 5, 2, DPID, 10, 100, 0))
    return seen


def meters() -> Meters:
    counted = Meters()
    for count in vars(counted).values():
        if hasattr(count, "add"):
            count.add(*[SAMPLES[label] for label in count.labels])
        elif hasattr(count, "observe"):
            count.observe(0.02, *[SAMPLES[label] for label in count.labels])
    counted.assertions["acme"] = {"passed": 3, "failed": 1}
    return counted


SAMPLES = {
    "switch": DPID, "tenant": "acme", "cause": "manual", "method": "GET", "route": "/v1/tenants/{tenant}",
    "code": "503", "backend": "sqlite",
}  # fmt: skip


def families(store: Path) -> list[Family]:
    bridges = {DPID: bridge()}
    settings: Any = SimpleNamespace(uplinks=("eth0",))
    return Gauges(settings, inventory(), bridges, Events(), observed(), meters(), store, ABOUT, lambda: 12).families()
