"""The demo's third tenant: two VMs, a policy that its own pipeline declares, and connections to look at."""

from __future__ import annotations

import http.client
import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from topology.controller import Controller, ControllerError
from topology.fabric import DPID, Fabric
from topology.labs import Host

DECLARED = Path(__file__).with_name("shop.yaml")
HOSTS = (
    Host("web-1", "fa:16:3e:23:fd:d7", "192.168.0.11", tenant="shop", groups=("web",)),
    Host("db-1", "fa:16:3e:6b:0c:42", "192.168.0.12", tenant="shop", groups=("db",)),
)
LIMIT, CONNECTIONS = 20, 18
POSTGRES = 5432


@contextmanager
def opened(controller: Controller, fabric: Fabric) -> Iterator[None]:
    """While it lasts web-1 holds connections to db-1, nearly as many as the tenant may have."""
    controller.put(f"/v1/switches/{DPID:016x}", {"name": "host-1"})
    controller.put("/v1/tenants/shop", {"description": "a shop", "limits": {"connections": LIMIT}})
    token = controller.post("/v1/tokens", {"id": "shop-pipeline", "role": "tenant-admin", "tenant": "shop"})["token"]
    for host in HOSTS:
        fabric.attach(host)
    _apply(controller, token)
    controller.settle()
    fabric.ovs.settle()
    fabric.tcp("web-1", "db-1", 22, timeout=0.2)
    with ExitStack() as stack:
        web, db = (fabric.host(host.name) for host in HOSTS)
        listener = stack.enter_context(db.socket())
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("", POSTGRES))
        listener.listen(CONNECTIONS)
        for _ in range(CONNECTIONS):
            client = stack.enter_context(web.socket())
            client.settimeout(5)
            client.connect((db.host.address, POSTGRES))
        yield


def _apply(controller: Controller, token: str) -> None:
    """What the pipeline does: the file, with the tenant's token."""
    connection = http.client.HTTPConnection(*controller.rest, timeout=30)
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/yaml"}
    try:
        connection.request("POST", "/v1/config:apply?wait=5s", DECLARED.read_bytes(), headers)
        answer = connection.getresponse()
        text = answer.read().decode()
    finally:
        connection.close()
    if answer.status != 200:
        raise ControllerError(f"{DECLARED.name}: {answer.status} {text}")
