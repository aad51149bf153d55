"""Every request of docs/conntrack.md is answered, and every filter that it names is known."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from rest.conntrack_query import FILTERS
from tests.rest.local import DPID, Client
from tests.rest.test_conntrack import line

DOCUMENT = (Path(__file__).resolve().parents[2] / "docs" / "conntrack.md").read_text()
REQUESTS = re.findall(r'^curl -sH "\$T" (?:-X (\w+) )?"\$V1(\S+)"$', DOCUMENT, re.MULTILINE)


def test_the_document_has_requests_and_names_every_filter() -> None:
    assert len(REQUESTS) == DOCUMENT.count("curl -sH") == 5
    named = set(re.findall(r"`(\w+)`", "".join(re.findall(r"^\| (`\w+`.*?) \|", DOCUMENT, re.MULTILINE))))
    assert set(FILTERS) <= named


@pytest.mark.parametrize(("method", "path"), REQUESTS)
def test_a_request_is_answered(call: Client, method: str, path: str) -> None:
    port = {"mac": "52:54:00:00:00:02", "addresses": ["10.20.0.11"], "groups": ["web"]}
    call.put("/v1/tenants/acme/ports/web-1", port)
    call.firewall.conntrack[DPID, 1] = [line("tcp", "198.51.100.7", "10.20.0.11", 41522, 443)]
    answer = call(method or "GET", "/v1" + path)
    assert answer.status_int == 200, answer.text
    assert method or "unavailable" in answer.json
