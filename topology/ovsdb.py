"""The one OVSDB transaction that ovs-vsctl is too slow for (RFC 7047, section 4.1.3)."""

from __future__ import annotations

import json
import socket
from collections.abc import Mapping
from pathlib import Path
from typing import Any


class OvsdbError(RuntimeError):
    """ovsdb-server refused the transaction or went away."""


def add_ports(database: Path, bridge: str, ofports: Mapping[str, int]) -> None:
    """Attach patch ports without a peer (name to ofport) in one transaction. Raises OvsdbError."""
    operations: list[dict[str, Any]] = []
    for index, (name, ofport) in enumerate(ofports.items()):
        nowhere = ["map", [["peer", f"{name}-none"]]]
        interface = {"name": name, "type": "patch", "ofport_request": ofport, "options": nowhere}
        port = {"name": name, "interfaces": ["named-uuid", f"i{index}"]}
        operations += [
            {"op": "insert", "table": "Interface", "row": interface, "uuid-name": f"i{index}"},
            {"op": "insert", "table": "Port", "row": port, "uuid-name": f"p{index}"},
        ]
    added = ["set", [["named-uuid", f"p{index}"] for index in range(len(ofports))]]
    operations += [_mutate("Bridge", [["name", "==", bridge]], ["ports", "insert", added])]
    operations += [_mutate("Open_vSwitch", [], ["next_cfg", "+=", 1])]
    if _transact(database, operations)[-2] != {"count": 1}:
        raise OvsdbError(f"no bridge {bridge}")


def _mutate(table: str, where: list[Any], mutation: list[Any]) -> dict[str, Any]:
    return {"op": "mutate", "table": table, "where": where, "mutations": [mutation]}


def _transact(database: Path, operations: list[dict[str, Any]]) -> list[dict[str, Any]]:
    request = {"method": "transact", "params": ["Open_vSwitch", *operations], "id": 0}
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(60)
        connection.connect(str(database))
        connection.sendall(json.dumps(request).encode())
        reply = _reply(connection)
    errors = [result for result in reply["result"] or () if result and "error" in result]
    if reply["error"] or errors:
        raise OvsdbError(f"ovsdb-server refused the ports: {reply['error'] or errors[0]}")
    return reply["result"]


def _reply(connection: socket.socket) -> dict[str, Any]:
    received = b""
    while chunk := connection.recv(1 << 16):
        received += chunk
        if chunk.endswith(b"}"):  # one request, one reply: it is whole when it parses
            try:
                return json.loads(received)
            except json.JSONDecodeError:
                continue
    raise OvsdbError("ovsdb-server closed the connection without a reply")
