"""Many REST clients that read and write without pause, in a process of their own.

python -m benchmarks.crowd HOST PORT TOKEN_FILE CLIENTS TENANTS

until SIGTERM; then seconds per request, as JSON. Who is told that too much is asked waits a second, as Retry-After
says.
"""

from __future__ import annotations

import json
import signal
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from benchmarks.client import Client, Overloaded
from benchmarks.world import DPID

Request = tuple[str, str, Any]


def requests(number: int, tenants: int) -> Iterator[Request]:
    """One client's: three reads of different weight, then a write."""
    turn = number
    while True:
        turn += 1
        tenant = f"/v1/tenants/t{turn * 37 % tenants}"
        yield "GET", f"{tenant}/ports?limit=100", None
        yield "GET", f"/v1/switches/{DPID}", None
        yield "GET", f"{tenant}/groups/web", None
        rule = {
            "direction": "ingress",
            "protocol": "tcp",
            "port_min": 30000 + turn % 999,
            "port_max": 30000 + turn % 999,
        }
        yield "PUT", f"{tenant}/groups/web/rules/crowd-{number}", rule


def main() -> None:
    host, port, token, clients, tenants = sys.argv[1:]
    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    taken: dict[str, list[float]] = {"GET": [], "PUT": [], "refused": []}

    def work(number: int) -> None:
        client = Client((host, int(port)), Path(token).read_text().strip())
        for method, path, body in requests(number, int(tenants)):
            if stop.is_set():
                break
            began = time.perf_counter()
            try:
                taken[method].append(client.timed(method, path, body))
            except Overloaded:
                taken["refused"].append(time.perf_counter() - began)
                stop.wait(1)
        client.close()

    threads = [threading.Thread(target=work, args=(number,)) for number in range(int(clients))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    print(json.dumps(taken))


if __name__ == "__main__":
    main()
