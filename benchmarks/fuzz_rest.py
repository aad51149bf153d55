"""Requests of all kinds to the REST API, one after the other: mostly wrong, some right, and bytes that are no HTTP.

python -m benchmarks.fuzz_rest HOST PORT TOKEN_FILE KEPT_TENANT SEED    until SIGTERM; then what was answered, as JSON
"""

from __future__ import annotations

import http.client
import json
import signal
import socket
import sys
from collections import Counter
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import quote

from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st
from webob import Request

from tests.rest.test_fuzz import BODIES, GOOD_PORT, GOOD_RULE, GOOD_SET, requests

AT_ONCE = 200  # requests between two tidyings
PATIENCE = 30.0
WITH_CAUSE = {501, 502, 503, 504, 507}  # what the server says of others: a switch, the disk, too many clients
WORLD: dict[str, Any] = {
    "": {},
    "/groups/web": {"rules": [{"key": "ssh", "direction": "ingress"}]},
    "/address-groups/mon": {"cidrs": ["10.0.0.0/8"]},
    "/ports/vm1": {"mac": "52:54:00:00:00:01", "groups": ["web"]},
}
PATHS = [
    "", "/groups", "/groups/web", "/groups/new", "/groups/web/rules", "/groups/web/rules/ssh", "/groups/web/rules/new",
    "/ports", "/ports/vm1", "/ports/new", "/address-groups", "/address-groups/mon", "/address-groups/new",
    "/address-groups/mon:update",
]  # fmt: skip
NOISE = st.binary(max_size=300) | st.binary(max_size=100).map(lambda tail: b"PUT /v1/tenants/acme HTTP/1.1\r\n" + tail)


@st.composite
def deeper(draw: Any) -> Request:
    """Paths and methods that exist, so that it is the body that is looked at."""
    path = "/v1/tenants/acme" + draw(st.sampled_from(PATHS))
    method = draw(st.sampled_from(["PUT", "PUT", "PATCH", "POST", "GET", "DELETE"]))
    request = Request.blank(path, method=method)
    kind = path.rpartition("/")[0].rpartition("/")[2]
    fitting = {"groups": st.fixed_dictionaries({"rules": st.lists(GOOD_RULE, max_size=5)}), "rules": GOOD_RULE}
    fitting |= {"ports": GOOD_PORT, "address-groups": GOOD_SET}
    body = fitting.get(kind, BODIES) if draw(st.integers(0, 3)) else BODIES
    request.content_type = "application/json"
    request.body = json.dumps(draw(body)).encode()
    return request


class Fuzz:
    """Sends and counts. `failures` are requests that were answered by a 500, or not at all."""

    def __init__(self, address: tuple[str, int], token: str, kept: str) -> None:
        self._address, self._token, self._kept = address, token, kept
        self.counts: Counter[str] = Counter()
        self.failures: list[str] = []
        self.done = False

    def batch(self, number: int) -> None:
        @seed(number)
        @settings(
            max_examples=AT_ONCE, database=None, deadline=None, phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )  # fmt: skip
        @given(st.one_of(requests(), requests(), deeper(), deeper(), deeper(), NOISE))
        def send(what: Request | bytes) -> None:
            if not self.done:
                self._noise(what) if isinstance(what, bytes) else self._request(what)

        send()

    def _request(self, request: Request) -> None:
        headers = {
            "Authorization": f"Bearer {self._token}", "Content-Type": request.content_type or "text/plain",
            "Content-Length": str(len(request.body)), "Connection": "close",
        }  # fmt: skip
        if "If-Match" in request.headers:
            headers["If-Match"] = request.headers["If-Match"]
        target = quote(request.environ["PATH_INFO"].encode("latin-1"))
        if query := request.environ["QUERY_STRING"]:
            target += "?" + quote(query.encode("utf-8", "surrogatepass"), safe="=&/?:*%+")
        lines = [f"{request.method} {target} HTTP/1.1", *(f"{name}: {value}" for name, value in headers.items())]
        head = "\r\n".join([*lines, "Host: controller", "", ""]).encode("utf-8")
        told = self._send(head + request.body, request.method)
        self.counts[told] += 1
        if told == "nothing" or (told.startswith("5") and int(told) not in WITH_CAUSE):
            self.failures.append(f"{told}: {request.method} {target} {headers.get('If-Match')} {request.body!r}")

    def _noise(self, noise: bytes) -> None:
        with suppress(OSError), socket.create_connection(self._address, timeout=PATIENCE) as peer:
            peer.sendall(noise)
            peer.shutdown(socket.SHUT_WR)
            peer.recv(65536)
        self.counts["noise"] += 1

    def _send(self, message: bytes, method: str) -> str:
        """The status that it is answered by."""
        try:
            with socket.create_connection(self._address, timeout=PATIENCE) as peer:
                peer.sendall(message)
                answer = http.client.HTTPResponse(peer, method=method)
                answer.begin()
                answer.read()
                return str(answer.status)
        except (OSError, http.client.HTTPException):
            return "nothing"

    def tidy(self) -> None:
        """Forget what was accepted, or the store grows for ever; and begin again with what the requests name."""
        for tenant in self._ask("GET", "/v1/tenants?limit=1000")["items"]:
            if tenant["name"] != self._kept:
                self._ask("DELETE", f"/v1/tenants/{tenant['name']}?cascade=true")
        for path, body in WORLD.items():
            self._ask("PUT", "/v1/tenants/acme" + path, body)

    def _ask(self, method: str, path: str, body: Any = None) -> Any:
        connection = http.client.HTTPConnection(*self._address, timeout=PATIENCE)
        headers = {"Authorization": f"Bearer {self._token}", "Content-Type": "application/json"}
        connection.request(method, path, None if body is None else json.dumps(body), headers)
        answer = connection.getresponse()
        content = answer.read()
        connection.close()
        return json.loads(content) if content else None


def main(host: str, port: str, token: str, kept: str, first: str) -> None:
    fuzz, number = Fuzz((host, int(port)), Path(token).read_text().strip(), kept), int(first)

    def stop(*_: object) -> None:
        fuzz.done = True

    signal.signal(signal.SIGTERM, stop)
    while not fuzz.done:
        number += 1
        with suppress(OSError, http.client.HTTPException):
            fuzz.tidy()
        fuzz.batch(number)
    print(json.dumps({"counts": fuzz.counts, "failures": fuzz.failures[:20]}))


if __name__ == "__main__":
    main(*sys.argv[1:])
