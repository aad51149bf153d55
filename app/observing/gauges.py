"""How things stand, as metrics: what the controller, its bridges and the last looks say. Taken at once, on the hub, and
cheap: whatever has to be counted was counted before, in turns."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from hashlib import blake2b
from pathlib import Path
from typing import Any

from app.bridges.bridge import Bridge
from app.core.inventory import Inventory
from app.core.tokens import Token
from app.core.zones import seconds_of
from app.events import Events
from app.observing.observed import POLICY_REASONS, Observed
from app.observing.tallies import Family, Labels, Meters, gauge, of_fills
from app.settings import Settings

SOON = 7 * 86_400.0  # seconds in which a token is said to expire soon
DIRECTIONS = {"egress": "egress", "ingress": "ingress"}
LIMITED = {"rate_opened": "egress", "rate_accepted": "ingress"}


class Gauges:
    """`about` are the versions; `waiting` how many green threads wait."""

    def __init__(
        self,
        settings: Settings,
        inventory: Inventory,
        bridges: Mapping[str, Bridge],
        events: Events,
        observed: Observed,
        meters: Meters,
        store: Path,
        about: Mapping[str, str],
        waiting: Callable[[], int],
    ) -> None:
        self._inventory, self._bridges, self._events = inventory, bridges, events
        self._observed, self._meters, self._store, self._waiting = observed, meters, store, waiting
        self._hash = blake2b(repr(settings).encode(), digest_size=6).hexdigest()
        self._about = (about["ovswarden"], about["python"], about["os-ken"], "eventlet")

    def families(self) -> list[Family]:
        """All metrics now. Switches are called by their names, where they have one."""
        found = [
            *self._process(),
            *self._switches(),
            *self._drift(),
            *self._tenants(),
            *of_fills(self._observed.fullest()),
            *self._drops(),
            *self._meters.families(),
        ]
        return [self._named(family) for family in found]

    def _named(self, family: Family) -> Family:
        if "switch" not in family.labels:
            return family
        at = family.labels.index("switch")

        def named(labels: Labels) -> Labels:
            stored = self._inventory.find("switch", labels[at])
            name = getattr(stored.value, "name", None) if stored else None
            return (*labels[:at], name or labels[at], *labels[at + 1 :])

        samples = tuple((named(labels), value) for labels, value in family.samples)
        return family._replace(samples=samples, spread=tuple((named(e[0]), *e[1:]) for e in family.spread))

    def _process(self) -> Iterator[Family]:
        yield gauge(
            "ovswarden_build_info", "Versions of what runs", ("version", "python", "osken", "hub"), {self._about: 1}
        )
        yield gauge("ovswarden_config_info", "Fingerprint of the settings", ("hash",), {(self._hash,): 1})
        yield _one("ovswarden_store_revision", "Revision of the inventory", self._inventory.revision)
        yield _one("ovswarden_leader", "Whether this process programs the switches", 1)
        yield gauge(
            "ovswarden_store_bytes", "Size of the database and its log", ("backend",), {("sqlite",): _size(self._store)}
        )
        yield _one("ovswarden_sse_clients", "Open event streams", self._events.followers)
        yield _counter("ovswarden_sse_overflows", "Event streams ended because the client was too slow", (), {
            (): self._events.overflows
        })  # fmt: skip
        yield _one("ovswarden_greenlets", "Green threads that wait for a socket or a time", self._waiting())
        tokens = [stored.value for stored in self._inventory.list("token")]
        soon = time.time() + SOON
        expiring = sum(isinstance(t, Token) and bool(t.expires_at) and seconds_of(t.expires_at) < soon for t in tokens)
        yield _one("ovswarden_tokens_expiring", "Tokens that expire within seven days, or have expired", expiring)

    def _switches(self) -> Iterator[Family]:
        known = {stored.value.id[0] for stored in self._inventory.list("switch")} | self._bridges.keys()
        bridges, switch = self._bridges, ("switch",)
        yield gauge("ovswarden_switch_connected", "Whether a switch is connected", switch, {
            (dpid,): float(dpid in bridges and bridges[dpid].connected) for dpid in known
        })  # fmt: skip
        sessions = {dpid: bridge.session for dpid, bridge in bridges.items()}
        yield gauge("ovswarden_switch_realized_revision", "Revision that a switch has confirmed", switch, {
            (dpid,): session.applied_revision for dpid, session in sessions.items()
        })  # fmt: skip
        yield gauge("ovswarden_switch_revision_lag", "Revisions that a connected switch has not confirmed", switch, {
            (dpid,): max(0, self._inventory.revision - session.applied_revision)
            for dpid, session in sessions.items() if bridges[dpid].connected
        })  # fmt: skip
        yield gauge("ovswarden_flows", "Flows wanted on a switch", ("switch", "table"), {
            (dpid, table): count for dpid, tables in self._observed.tables.items() for table, count in tables.items()
        })  # fmt: skip
        yield _counter("ovswarden_flow_mods", "Flow changes sent to a switch", ("switch", "op", "result"), {
            (dpid, *key): n for dpid, bridge in bridges.items() for key, n in bridge.sent.ops.items()
        })  # fmt: skip
        yield _counter("ovswarden_openflow_errors", "Exchanges with a switch that failed", ("switch", "type"), {
            (dpid, kind): n for dpid, bridge in bridges.items() for kind, n in bridge.sent.errors.items()
        })  # fmt: skip
        yield gauge("ovswarden_openflow_send_queue_length", "Messages that wait to be sent", switch, {
            (dpid,): _queue(bridge.line.datapath) for dpid, bridge in bridges.items() if bridge.line
        })  # fmt: skip

    def _drift(self) -> Iterator[Family]:
        found: dict[Labels, float] = {}
        repaired: dict[Labels, float] = {}
        audited: dict[Labels, float] = {}
        for dpid, bridge in self._bridges.items():
            last, totals = bridge.last_audit, bridge.audit_totals
            if last is not None and last.findings is not None:
                for kind, name in (("missing", "missing"), ("extra", "extra"), ("altered", "changed")):
                    found[dpid, name] = 0 if last.mended else getattr(last.findings, kind)
            repaired[dpid,] = totals["repaired"]
            if totals["audited_at"]:
                audited[dpid,] = seconds_of(totals["audited_at"])
        yield gauge(
            "ovswarden_drift_flows", "Differences that the last audit found and that are not mended",
            ("switch", "kind"), found,
        )  # fmt: skip
        yield _counter("ovswarden_drift_repairs", "Differences that audits have mended", ("switch",), repaired)
        about = "When a switch was last audited"
        yield gauge("ovswarden_last_audit_timestamp_seconds", about, ("switch",), audited)

    def _tenants(self) -> Iterator[Family]:
        seen, tenant = self._observed, ("tenant",)
        states = {(state,): float(seen.states[state]) for state in ("active", "building", "down", "error")}
        yield gauge("ovswarden_ports", "Ports by state", ("state",), states)
        yield gauge("ovswarden_tenant_ports", "Ports of a tenant", tenant, _by(seen.ports))
        yield gauge("ovswarden_tenant_rules", "Rules of a tenant's groups", tenant, _by(seen.rules))
        yield gauge("ovswarden_tenant_flows", "Flows of a tenant's ports themselves", tenant, _by(seen.flows))
        about = "How much of a quota a tenant has used"
        yield gauge("ovswarden_tenant_quota_used_ratio", about, ("tenant", "resource"), dict(seen.quotas))

    def _drops(self) -> Iterator[Family]:
        spoofed: dict[Labels, float] = {}
        denied: dict[Labels, float] = {}
        limited: dict[Labels, float] = {}
        for (tenant, switch, reason), packets in self._observed.drops.totals.items():
            if reason not in POLICY_REASONS:
                spoofed[tenant, switch, reason] = packets
            else:
                into, way = (denied, DIRECTIONS) if reason in DIRECTIONS else (limited, LIMITED)
                key = tenant, way[reason]
                into[key] = into.get(key, 0.0) + packets
        about = "Packets of a tenant that the spoof guard dropped"
        yield _counter("ovswarden_spoof_dropped_packets", about, ("tenant", "switch", "reason"), spoofed)
        about = "Packets that no rule, or a guardrail, let out of or into a tenant's ports"
        yield _counter("ovswarden_denied_packets", about, ("tenant", "direction"), denied)
        about = "First packets beyond a tenant's rate of new connections"
        yield _counter("ovswarden_rate_limited_packets", about, ("tenant", "direction"), limited)
        about = "Packets that conntrack calls invalid"
        yield _counter("ovswarden_invalid_ct_packets", about, ("switch",), {
            (dpid,): packets for dpid, packets in self._observed.invalid.items()
        })  # fmt: skip


def _one(name: str, help: str, value: float) -> Family:
    return gauge(name, help, (), {(): value})


def _counter(name: str, help: str, labels: Labels, samples: Mapping[Labels, float]) -> Family:
    return gauge(name, help, labels, samples)._replace(kind="counter")


def _by(counts: Mapping[str, int]) -> dict[Labels, float]:
    return {(name,): float(count) for name, count in counts.items()}


def _size(path: Path) -> int:
    files: Iterable[Path] = (path, path.with_name(f"{path.name}-wal"))
    return sum(file.stat().st_size for file in files if file.exists())


def _queue(datapath: Any) -> int:
    queue = getattr(datapath, "send_q", None)
    return queue.qsize() if queue is not None else 0
