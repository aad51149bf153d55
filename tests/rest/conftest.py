from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from rest.server import Server
from rest.tokens import Tokens
from tests.rest.local import TOKEN, Client, LocalFirewall
from tests.rest.wire import QUICK, Address, Wanted

MAC = "52:54:00:00:00:01"


@pytest.fixture
def firewall() -> LocalFirewall:
    return LocalFirewall()


@pytest.fixture
def call(firewall: LocalFirewall) -> Client:
    """A client in a world with a tenant, two groups, an address group and a port."""
    client = Client(firewall)
    client.put("/v1/tenants/acme", {"description": "Acme Corp", "labels": {"env": "prod"}})
    ssh = {"key": "ssh", "direction": "ingress", "protocol": "tcp", "port_min": 22}
    client.put("/v1/tenants/acme/groups/web", {"rules": [ssh]})
    client.put("/v1/tenants/acme/groups/base")
    client.put("/v1/tenants/acme/address-groups/mon", {"cidrs": ["10.9.0.0/28"]})
    port = {
        "mac": MAC,
        "addresses": ["10.0.0.1"],
        "groups": ["web"],
        "binding": {"switch": "host-1", "interface": "tap1"},
    }
    assert client.put("/v1/tenants/acme/ports/vm1", port).status_int == 201
    return client


@pytest.fixture
def server(firewall: LocalFirewall, tmp_path: Path) -> Iterator[Server]:
    wanted = Wanted(Address("127.0.0.1", 0), str(tmp_path / "api.sock"))
    server = Server(firewall, Tokens(TOKEN), wanted, {}, QUICK)
    server.start()
    yield server
    server.stop(0.5)
