"""The command against the WSGI application, in one process: what it prints, its status, and what it sent."""

from __future__ import annotations

import io
import json
import sys
import time
from collections.abc import Iterator
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest
from structlog.testing import capture_logs

import cli.connection
import cli.places
from app.core.explained import Difference, Differences, DropSeen, PortUse, RuleUse
from app.core.flow import flow, goto
from app.core.pipeline import Table
from app.observing.observed import Dropped, Fill
from app.service import SwitchStatus
from cli.app import main
from tests.rest.explanations import Told
from tests.rest.local import DPID, TOKEN, Client, LocalFirewall
from tests.rest.test_conntrack import line

NEVER = "expects"  # in what is told of a fault of ours


@dataclass(frozen=True)
class Run:
    code: int
    out: str
    err: str
    requests: tuple[httpx.Request, ...]

    @property
    def json(self) -> Any:
        return json.loads(self.out)

    @property
    def sent(self) -> list[str]:
        return [f"{request.method} {request.url.raw_path.decode()}" for request in self.requests]


@dataclass
class Recording(httpx.BaseTransport):
    inner: httpx.BaseTransport
    requests: list[httpx.Request] = field(default_factory=list)

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        return self.inner.handle_request(request)


@dataclass
class Command:
    """`command("status", "-o", "json")` runs it as the shell would."""

    client: Client
    transport: Recording

    def __call__(self, *arguments: str) -> Run:
        out, err, before = io.StringIO(), io.StringIO(), len(self.transport.requests)
        code: Any = 0
        with redirect_stdout(out), redirect_stderr(err):
            try:
                main(arguments)
            except SystemExit as end:
                code = end.code or 0
        assert NEVER not in err.getvalue(), err.getvalue()
        return Run(int(code), out.getvalue(), err.getvalue(), tuple(self.transport.requests[before:]))


@pytest.fixture
def firewall() -> LocalFirewall:
    return LocalFirewall()


@pytest.fixture
def alone(firewall: LocalFirewall, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Command]:
    """The command and an API that has nothing yet. Nothing of this machine's own settings plays a part."""
    client = Client(firewall)
    transport = Recording(httpx.WSGITransport(app=client.application))  # type: ignore[arg-type]
    monkeypatch.setattr(cli.connection, "transport_to", lambda place: transport)
    for name in (*cli.places.NAMES.values(), "OVSWARDEN_CONTEXT", "NO_COLOR", "FORCE_COLOR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("OVSWARDEN_URL", "http://localhost:8080")
    monkeypatch.setenv("OVSWARDEN_TOKEN", TOKEN)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("OVSWARDEN_CONFIG", raising=False)
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO()))
    with capture_logs():  # which would go to standard output, as the command's own words do
        yield Command(client, transport)


@pytest.fixture
def command(alone: Command, firewall: LocalFirewall) -> Command:
    """Two tenants on a switch that holds what is wanted, with traffic, drops and a guardrail."""
    put = alone.client.put
    put("/v1/tenants/acme", {"description": "Acme Corp"})
    put("/v1/tenants/other")
    ssh = {"key": "ssh", "direction": "ingress", "protocol": "tcp", "port_min": 22, "remote_cidr": "192.0.2.0/24"}
    put("/v1/tenants/acme/groups/web", {"rules": [ssh, {**ssh, "key": "https", "port_min": 443, "remote_cidr": None}]})
    sql = {"key": "sql", "direction": "ingress", "protocol": "tcp", "port_min": 5432, "remote_group": "web"}
    put("/v1/tenants/acme/groups/db", {"rules": [sql]})
    for number, (name, group) in enumerate((("web-1", "web"), ("db-1", "db")), 1):
        binding = {"switch": "host-1", "interface": f"tap{number}"}
        port = {"mac": f"52:54:00:00:00:0{number}", "addresses": [f"10.0.0.{number}"], "groups": [group]}
        assert put(f"/v1/tenants/acme/ports/{name}", port | {"binding": binding}).status_int == 201
    telnet = {"priority": 10, "action": "deny", "direction": "ingress", "protocol": "tcp", "port_min": 23}
    put("/v1/guardrails/no-telnet", telnet)
    put(f"/v1/switches/{DPID}", {"name": "host-1"})
    put("/v1/tenants/acme/quota", {"ports": 2})
    _switch(firewall)
    _traffic(firewall)
    return alone


def _switch(firewall: LocalFirewall) -> None:
    revision = firewall.inventory.revision
    firewall.statuses[DPID] = SwitchStatus(
        DPID, True, "synced", since="2026-11-22T15:00:00.123Z", wanted_revision=revision, applied_revision=revision,
        flows=120, ports=2, software="3.1.0", warnings={"old": "it is old"},
    )  # fmt: skip
    firewall.places |= {"web-1": DPID, "db-1": DPID}
    firewall.port_states |= {"web-1": "active"}
    firewall.explaining = told = Told()
    told.use = PortUse(DPID, 1, {"web/ssh": RuleUse(1, 7, 60, 5)})
    mine = flow(Table.GUARD, 700, goto(1), in_port=7)
    told.differences = Differences(True, 1, 0, 0, (Difference("missing", mine, None),))


def _traffic(firewall: LocalFirewall) -> None:
    firewall.observed.fills[DPID] = (Fill("acme", 0, 1, DPID, 97, 100, 3), Fill("other", 0, 2, DPID, 1, 0, None))
    firewall.observed.drops.add(time.time(), Dropped("acme", "web-1", DPID, "ipv4"), 61)
    firewall.conntrack[DPID, firewall.inventory.zone("acme")] = [
        line("tcp", "10.9.0.1", "10.0.0.1", 5000 + n, 22, state="ESTABLISHED") for n in range(3)
    ]
    firewall.explaining.drops = [DropSeen("2026-11-22T15:00:00Z", DPID, "tap1", "acme/web-1", None, 9, "ipv4()")]
    firewall.events.add("spoof.drop", tenant="acme", port="web-1", reason="ipv4", packets=61)


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    """A file that declares a tenant."""
    path = tmp_path / "shop.yaml"
    path.write_text(
        "version: 1\nowner: git\ntenants:\n  shop:\n    groups:\n      web: {rules: {https: {in: tcp/443}}}\n"
        "    ports:\n      a: {mac: 52:54:00:00:01:01, addresses: [10.1.0.1], groups: [web]}\n"
    )
    return path
