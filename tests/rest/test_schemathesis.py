"""Schemathesis asks a real controller what the OpenAPI document promises: every operation, with data that fits the
schemas and data that does not. Every answer has to be as described, and whatever fits has to be understood."""

from __future__ import annotations

import re
import socket
from collections.abc import Iterator
from contextlib import ExitStack
from copy import deepcopy
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from schemathesis.config import SchemathesisConfig
from schemathesis.specs.openapi.checks import positive_data_acceptance

from rest.openapi.document import document
from rest.routes import ROUTES
from topology.controller import Controller

# What a random word would never hit is there: half of the paths lead to something.
THERE = {
    "tenant": "acme",
    "port": "web-1",
    "group": "web",
    "rule": "ssh",
    "guardrail": "no-telnet",
    "switch": "0000000000000001",
    "revision": 1,
    "token": "ci",
    "code": "invalid_body",
}
RULE = {"key": "ssh", "direction": "ingress", "protocol": "tcp", "port_min": 22}
SEED: tuple[tuple[str, Any], ...] = (
    ("/v1/tenants/acme", {}),
    ("/v1/tenants/acme/quota", {}),
    ("/v1/tenants/acme/address-groups/web", {"cidrs": ["192.0.2.0/24"]}),
    ("/v1/tenants/acme/groups/web", {"rules": [RULE]}),
    ("/v1/tenants/acme/assertions", {"items": []}),
    ("/v1/tenants/acme/ports/web-1", {"mac": "52:54:00:00:00:01", "addresses": ["10.0.0.1"], "groups": ["web"]}),
    (
        "/v1/guardrails/no-telnet",
        {"priority": 10, "action": "deny", "direction": "ingress", "protocol": "tcp", "port_min": 23},
    ),
    ("/v1/switches/0000000000000001", {"name": "host-1"}),
)
CONFIG = """
[generation]
deterministic = true
max-examples = 6
with-security-parameters = false

[phases.coverage]
enabled = false

[checks.positive_data_acceptance]
# A schema cannot say all that has to fit together; beside Schemathesis's own 404 and 409:
# 400 - parameters contradict each other, as ports of a protocol that has none
# 410 - nobody gave an event that id
# 412 - the ETag is not the present one
# 422 - the body names what is not there, sets host bits, contradicts itself, or breaks an assertion
expected-statuses = ["2xx", "3xx", "400", "401", "403", "404", "409", "410", "412", "422"]

[checks.negative_data_rejection]
# 410, 412: what is right about the request is refused first. 414: what is too long is refused for its length.
expected-statuses = ["400", "401", "403", "404", "405", "406", "409", "410", "411", "412", "414", "415", "422"]
"""


def _promised() -> dict[str, Any]:
    """The document, with names that are there beside those that might be."""
    made = deepcopy(document(ROUTES, "0"))
    for path in made["paths"].values():
        for operation in path.values():
            for parameter in operation["parameters"]:
                if parameter["in"] == "path" and parameter["name"] in THERE:
                    parameter["schema"] = {"anyOf": [{"enum": [THERE[parameter["name"]]]}, parameter["schema"]]}
    return made


def _octets(most: int) -> st.SearchStrategy[str]:
    return st.lists(st.integers(0, 255), min_size=most, max_size=most).map(lambda each: ".".join(map(str, each)))


OF_SUCCESS = [schemathesis.checks.not_a_server_error, positive_data_acceptance]
schemathesis.openapi.format("cidr", st.one_of(st.just("10.0.0.0/8"), st.just("2001:db8::/32"), _octets(4)))
schemathesis.openapi.format("mac", st.integers(1, 254).map(lambda last: f"52:54:00:00:00:{last:02x}"))
schema = schemathesis.openapi.from_dict(_promised(), config=SchemathesisConfig.from_str(CONFIG))


def _free_ports(count: int) -> list[int]:
    """Of which nobody else has one now."""
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(count)]
        return [each.getsockname()[1] for each in sockets]


@pytest.fixture(scope="module")
def controller(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Controller]:
    rest, openflow = _free_ports(2)
    with Controller(tmp_path_factory.mktemp("served"), rest=("127.0.0.1", rest), openflow=openflow) as running:
        yield running


@pytest.fixture
def seeded(controller: Controller) -> Controller:
    for path, body in SEED:
        controller.put(path, body)
    return controller


# Seeded once for each operation, not for each request: what those before have changed is no reason to break a promise.
@schema.parametrize()
@settings(suppress_health_check=list(HealthCheck), deadline=None)
def test_every_operation_keeps_what_the_document_promises(case: schemathesis.Case, seeded: Controller) -> None:
    host, port = seeded.rest
    token = {"Authorization": f"Bearer {seeded.token}"} if case.operation.definition.raw.get("security") != [] else {}
    answer = case.call(base_url=f"http://{host}:{port}", headers=token)
    # No switch is connected here, and what only a switch could tell is refused as documented.
    is_away = answer.status_code == 503 and answer.json()["code"] == "switch_unreachable"
    case.validate_response(answer, excluded_checks=OF_SUCCESS if is_away else [], headers=token)


def test_the_controller_noted_no_bug(controller: Controller) -> None:
    log = controller.log.read_text()

    assert "rest.bug" not in log, re.findall(r".*rest\.bug.*", log)[:3]
