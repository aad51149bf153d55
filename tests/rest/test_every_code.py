"""Every error code that the server can give has a page that helps, and is given by a request here."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from webob import Request, Response

from app.core.problems import Refused
from app.core.zones import Exhausted
from app.errors import TooManyFlows
from app.service import Drift, StoreUnavailable, SwitchStatus, Unavailable
from rest.access.gate import Access
from rest.access.rates import Allowance
from rest.application import Limits
from rest.exchange import Answer, Pending
from rest.execution import rendered
from rest.problem_help import HELP
from rest.problems import RETRY, Failure
from tests.rest.local import DPID, Client, LocalFirewall

ROOT = Path(__file__).resolve().parents[2]
T = "/v1/tenants/acme"
RULE = {"key": "ssh", "direction": "ingress", "protocol": "tcp", "port_min": 22}
PORT = {"mac": "52:54:00:00:00:01", "addresses": ["10.0.0.1"], "groups": ["web"]}
GUARDRAIL = {"priority": 10, "action": "deny", "direction": "ingress", "protocol": "tcp", "port_min": 23}
FIELDS = re.compile(r"[a-z_]+")


def given() -> set[str]:
    """The codes in the source: of every `Failure`, and of what is passed on to one."""
    found = set()
    for path in [*(ROOT / "rest").rglob("*.py"), *(ROOT / "app").rglob("*.py")]:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") in ("Failure", "unauthorized"):
                found |= {a.value for a in node.args if isinstance(a, ast.Constant) and _is_code(node, a)}
    return found - {""}


def _is_code(call: ast.Call, argument: ast.Constant) -> bool:
    place = call.args.index(argument)
    return place == 1 and isinstance(argument.value, str) and FIELDS.fullmatch(argument.value) is not None


# -- the requests: each gets a client with a tenant, a group, a rule, a port and a guardrail


def _json(method: str, path: str, body: Any = None, **headers: str) -> Callable[[Client], Response]:
    sent = {name.replace("_", "-"): text for name, text in headers.items()}
    return lambda call: call(method, path, body, sent)


def _failing(error: Exception, request: Callable[[Client], Response]) -> Callable[[Client], Response]:
    def run(call: Client) -> Response:
        call.firewall.failure = error
        return request(call)

    return run


def _raw(call: Client, path: str, **environ: str) -> Response:
    request = Request.blank("/", method="GET", headers=call.headers)
    request.environ |= {"PATH_INFO": path, **environ}
    return call.send(request)


def _put(call: Client, path: str, **environ: Any) -> Response:
    request = Request.blank(path, method="PUT", headers=call.headers, body=b"{}", content_type="application/json")
    request.environ |= environ
    return call.send(request)


def _expired(call: Client) -> Response:
    body = {"id": "old", "role": "operator", "expires_at": "2100-01-01T00:00:00Z"}
    secret = call("POST", "/v1/tokens", body).json["token"]
    call.application._gate._clock = lambda: 5e9
    return call.bearing(secret).get("/v1/whoami")


def _as_viewer(call: Client) -> Response:
    secret = call("POST", "/v1/tokens", {"role": "viewer", "tenant": "acme"}).json["token"]
    return call.bearing(secret)("DELETE", f"{T}/groups/web")


def _limited(call: Client, **quota: int) -> Response:
    call.put(f"{T}/quota", quota)
    return call.put(f"{T}/ports/vm2", {"mac": "52:54:00:00:00:02"})


def _broken_assertion(call: Client) -> Response:
    items = [{"from": "vm1", "to": "vm2", "protocol": "tcp", "port": 80, "expect": "deny"}]
    call.put(f"{T}/ports/vm2", {"mac": "52:54:00:00:00:02", "addresses": ["10.0.0.2"], "groups": ["web"]})
    assert call.put(f"{T}/assertions", {"items": items}).status_int == 201
    return call.put(f"{T}/groups/web", {"rules": [{"direction": "ingress", "protocol": "tcp", "port_min": 80}]})


def _stale(call: Client) -> Response:
    document = {"version": 1, "tenants": {"acme": {"description": "planned"}}}
    plan = call("POST", "/v1/config:plan", document).json["plan_id"]
    call.put(T, {"description": "meanwhile"})
    return call("POST", "/v1/config:apply", {"plan_id": plan})


def _again(call: Client, running: bool = False) -> Response:
    headers = {"Idempotency-Key": "a-key"}
    path = f"{T}/groups/web/rules"
    call("POST", path, {**RULE, "key": "a"}, headers)
    if running:
        call.application._execution._running.add(("token/admin/admin/", "a-key"))
    return call("POST", path, {**RULE, "key": "b"}, headers)


def _full(call: Client, path: str, body: Any, then: str, more: Any, method: str = "PUT") -> Response:
    call.put(path, body)
    return call(method, then, more)


def _cidrs(first: int) -> list[str]:
    return [f"10.{first}.{n // 256}.{n % 256}/32" for n in range(1000)]


def _matrix(call: Client) -> Response:
    for n in range(101):
        call.put(f"{T}/groups/g{n}")
    return call.get(f"{T}/reachability?by=group", Accept="image/svg+xml")


def _connected(call: Client) -> None:
    call.firewall.statuses[DPID] = SwitchStatus(DPID, connected=True, state="synced")


def _audit(call: Client) -> Response:
    _connected(call)
    call.firewall.drift = Drift(0, 0, 0, False, trouble="it left")
    return call("POST", f"/v1/switches/{DPID}:reconcile")


def _unreachable(call: Client) -> Response:
    call.firewall.places["vm1"] = DPID
    return call.get(f"{T}/ports/vm1/flows")


def _not_flushed(call: Client) -> Response:
    _connected(call)
    zone = call.firewall.inventory.zone("acme", 0)
    call.firewall.conntrack[DPID, zone] = []
    call.firewall.unflushable[DPID] = Unavailable("no_control_socket", "nobody listens")
    return call("DELETE", f"{T}/conntrack?all=true")


def _body_too_late(call: Client) -> Response:
    class Late:
        def read(self, length: int) -> bytes:
            raise TimeoutError

    return _put(call, T, **{"wsgi.input": Late(), "webob.is_body_seekable": False})


def _bug(call: Client) -> Response:
    call.firewall.failure = ZeroDivisionError()
    return call.put("/v1/tenants/new")


def _overloaded(call: Client) -> Response:
    def slot() -> Any:
        raise Failure(503, "overloaded", "enough", headers=RETRY)

    return Client(call.firewall, Limits(slot=slot)).get("/v1/tenants")


def _hurried(call: Client) -> Response:
    hurried = Client(call.firewall, access=Access(writes=Allowance(1, 1)))
    return [hurried.put("/v1/tenants/new") for _ in range(2)][-1]


REQUESTS: dict[str, Callable[[Client], Response]] = {
    "invalid_json": _json("PUT", T, b"{,}"),
    "invalid_yaml": _json("POST", "/v1/config:plan", b"a: [", Content_Type="application/yaml"),
    "invalid_path": lambda call: _raw(call, "/v1/tenants/\xff"),
    "invalid_query": _json("GET", "/v1/tenants?limit=0"),
    "invalid_cursor": _json("GET", "/v1/tenants?after=!"),
    "invalid_length": lambda call: _put(call, T, CONTENT_LENGTH="2, 2"),
    "incomplete_body": lambda call: _put(call, T, CONTENT_LENGTH="9"),
    "invalid_idempotency_key": _json("PUT", T, {}, Idempotency_Key="\u00e9"),
    "filter_required": _json("DELETE", f"{T}/conntrack"),
    "too_many_ports": _matrix,
    "unauthorized": lambda call: call.bearing("ow_" + "x" * 43).get("/v1/whoami"),
    "token_expired": _expired,
    "forbidden": _as_viewer,
    "not_found": _json("GET", "/v1/tenants/nobody"),
    "method_not_allowed": _json("DELETE", "/v1/tenants"),
    "not_acceptable": _json("GET", T, Accept="image/png"),
    "request_timeout": _body_too_late,
    "length_required": lambda call: _put(call, T, HTTP_TRANSFER_ENCODING="chunked"),
    "too_large": lambda call: _put(call, T, CONTENT_LENGTH=str(2 << 20)),
    "unsupported_media_type": _json("PUT", T, b"{}", Content_Type="text/plain"),
    "invalid_body": _json("PUT", T, {"descriptoin": ""}),
    "already_exists": _json("PUT", T, {}, If_None_Match="*"),
    "etag_mismatch": _json("PUT", T, {}, If_Match='"999"'),
    "precondition_required": lambda call: Client(call.firewall, access=Access(require_if_match=True)).put(T),
    "in_use": _json("DELETE", f"{T}/groups/web"),
    "binding_conflict": _json("PUT", f"{T}/ports/vm2", PORT),
    "quota_exceeded": lambda call: _limited(call, ports=1),
    "priority_conflict": _json("PUT", "/v1/guardrails/other", GUARDRAIL),
    "too_many_flows": _failing(TooManyFlows(()), _json("PUT", "/v1/tenants/new", {})),
    "too_many_rules": lambda call: _full(
        call, f"{T}/groups/web/rules", [{**RULE, "key": f"r{n}", "port_min": n} for n in range(1000)],
        f"{T}/groups/web/rules/one-more", {"direction": "egress"},
    ),
    "too_many_cidrs": lambda call: _full(
        call, f"{T}/address-groups/all", {"cidrs": _cidrs(0)}, f"{T}/address-groups/all:update",
        {"add": ["192.0.2.0/24"]}, "POST",
    ),
    "token_exists": lambda call: [call("POST", "/v1/tokens", {"id": "ci", "role": "operator"}) for _ in range(2)][-1],
    "stale_plan": _stale,
    "idempotency_in_progress": lambda call: _again(call, running=True),
    "idempotency_key_reused": _again,
    "port_not_plugged": _json("POST", f"{T}/ports/vm1:resync"),
    "switch_not_connected": _json("POST", f"/v1/switches/{DPID}:reconcile"),
    "audit_failed": _audit,
    "not_flushed": _not_flushed,
    "refused": _failing(Refused("not now"), _json("PUT", "/v1/tenants/new", {})),
    "cursor_expired": _json("GET", "/v1/events?after=1"),
    "confirm_required": _json("POST", "/v1/config:apply?prune=all", {"version": 1}),
    "assertion_failed": _broken_assertion,
    "rate_limited": _hurried,
    "internal": _bug,
    "starting": lambda call: (call.firewall.missing.update(store="not open"), call.get("/readyz"))[1],
    "store_unavailable": _failing(StoreUnavailable(), _json("PUT", "/v1/tenants/new", {})),
    "overloaded": _overloaded,
    "switch_unreachable": _unreachable,
    "zones_exhausted": _failing(Exhausted(1, 0, None), _json("PUT", "/v1/tenants/new", {})),
}  # fmt: skip


def test_every_code_of_the_source_has_help_and_a_request_here() -> None:
    codes = given() | {"unauthorized"}

    assert len(codes) > 50
    assert set(HELP) == codes
    assert set(REQUESTS) | {"not_possible_here"} == codes


@pytest.mark.parametrize("code", sorted(REQUESTS))
def test_it_is_given_with_the_status_of_its_page(code: str, firewall: LocalFirewall) -> None:
    call = Client(firewall)
    call.put(T)
    call.put(f"{T}/groups/web", {"rules": [RULE]})
    call.put(f"{T}/ports/vm1", PORT)
    call.put("/v1/guardrails/no-telnet", GUARDRAIL)

    answer = REQUESTS[code](call)

    assert (answer.json["code"], answer.status_int) == (code, HELP[code].statuses[0]), answer.text
    assert answer.json["type"] == f"/problems/{code}"
    page = Client(LocalFirewall()).bearing("nothing").get(answer.json["type"], Accept="application/json").json
    assert (page["code"], page["status"]) == (code, answer.status_int)


def test_what_asks_switches_is_no_part_of_something_larger() -> None:
    """No route leads there: each that asks switches refuses idempotency keys and batches before. If one forgets to, its
    handler is told."""
    with pytest.raises(Failure) as refused:
        rendered(Pending(lambda seconds: Answer(), 0.0))

    assert (refused.value.code, refused.value.status) == ("not_possible_here", 422)


def test_every_code_of_the_pages_can_be_read_as_text_and_as_a_page_without_scripts(firewall: LocalFirewall) -> None:
    call = Client(firewall)
    for code in HELP:
        text = call.get(f"/problems/{code}").text
        page = call.get(f"/problems/{code}", Accept="text/html,*/*;q=0.8")
        assert HELP[code].example in text
        assert code in page.text
        assert "<script" not in page.text
        assert "default-src 'self'" in page.headers["Content-Security-Policy"]
    assert {item["code"] for item in call.get("/problems", Accept="application/json").json["items"]} == set(HELP)
    assert call.get("/problems/nothing").json["code"] == "not_found"
