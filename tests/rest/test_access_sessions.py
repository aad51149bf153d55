"""Logging in to the dashboard: a cookie that reads."""

from __future__ import annotations

import time
from typing import Any

import pytest
from webob import Request, Response

from rest.access.sessions import KEPT, SECONDS, Sessions, cookie_of, set_cookie
from rest.routes import ROUTES
from tests.rest.local import TOKEN, Client, LocalFirewall, unchanged


def login(call: Client, secret: str = TOKEN, **environ: str) -> Response:
    request = Request.blank("/ui/login", method="POST", content_type="application/json", json={"token": secret})
    request.environ.update(environ)
    return call.send(request)


def with_cookie(call: Client, cookie: str, method: str, path: str, body: Any = None, **environ: str) -> Response:
    request = Request.blank(path, method=method, headers={"Cookie": f"other=1; ow_session={cookie}"})
    if body is not None:
        request.json, request.content_type = body, "application/json"
    request.environ.update(environ)
    return call.send(request)


def cookie_in(answer: Response) -> str:
    value = cookie_of(answer.headers["Set-Cookie"].split(";")[0])
    assert value
    return value


def test_a_login_gives_a_cookie_that_no_script_reads_and_no_other_site_sends(call: Client) -> None:
    answer = login(call)
    assert (answer.status_int, answer.json["role"], answer.json["how"]) == (200, "admin", "session")
    flags = answer.headers["Set-Cookie"].split("; ")[1:]
    assert flags == ["Path=/", f"Max-Age={SECONDS}", "HttpOnly", "SameSite=Strict"]
    assert TOKEN not in str(answer.headers) + answer.text
    secure = login(call, **{"wsgi.url_scheme": "https"})
    assert secure.headers["Set-Cookie"].endswith("; Secure")


def test_a_session_reads_and_does_not_write(call: Client, firewall: LocalFirewall) -> None:
    cookie = cookie_in(login(call))
    assert with_cookie(call, cookie, "GET", "/v1/tenants/acme").status_int == 200
    assert with_cookie(call, cookie, "GET", "/v1/whoami").json["read_only"] is True
    with unchanged(firewall):
        for method, path, body in (
            ("PUT", "/v1/tenants/new", {}),
            ("DELETE", "/v1/tenants/acme/ports/vm1", None),
            ("POST", "/v1/tokens", {"role": "metrics"}),
            ("POST", "/v1/switches/0000000000000001:reconcile", None),
        ):
            refused = with_cookie(call, cookie, method, path, body)
            assert (refused.status_int, refused.json["code"]) == (403, "forbidden")
            assert "session" in refused.json["detail"]
    assert firewall.reconciled == []


def test_a_session_may_send_what_only_computes(call: Client) -> None:
    cookie = cookie_in(login(call))
    computing = [route for route in ROUTES if route.is_safe]
    assert computing
    for route in computing:
        path = route.path.replace("<tenant>", "acme")
        body, own = [] if route.body else None, {"HTTP_X_OVSWARDEN_SESSION": "1"}
        assert with_cookie(call, cookie, "POST", path, body, **own).status_int != 403
        assert with_cookie(call, cookie, "POST", path, body).status_int == 403  # as a form of another site would
        assert with_cookie(call, cookie, "POST", path, body, **own, HTTP_SEC_FETCH_SITE="cross-site").status_int == 403


def test_a_session_is_worth_what_its_token_is_worth(call: Client) -> None:
    made = call("POST", "/v1/tokens", {"id": "eye", "role": "viewer", "tenant": "acme"}).json
    cookie = cookie_in(login(call, made["token"]))
    assert with_cookie(call, cookie, "GET", "/v1/tenants/rival").status_int == 404
    assert with_cookie(call, cookie, "GET", "/v1/switches").status_int == 403
    call("DELETE", "/v1/tokens/eye")
    assert with_cookie(call, cookie, "GET", "/v1/tenants/acme").status_int == 401


def test_a_session_ends_after_its_time_and_at_the_logout(call: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = cookie_in(login(call)), cookie_in(login(call))
    out = with_cookie(call, first, "POST", "/ui/logout")
    assert (out.status_int, "Max-Age=0" in out.headers["Set-Cookie"]) == (204, True)
    assert with_cookie(call, first, "GET", "/v1/whoami").status_int == 401
    assert with_cookie(call, second, "GET", "/v1/whoami").status_int == 200
    monkeypatch.setattr(call.application._gate, "_clock", lambda: time.time() + SECONDS + 1)
    assert with_cookie(call, second, "GET", "/v1/whoami").status_int == 401


@pytest.mark.parametrize("secret", ["", "nonsense", "ow_" + "A" * 43])
def test_a_login_without_a_known_token_is_refused(secret: str, call: Client) -> None:
    answer = login(call, secret)
    assert (answer.status_int, answer.json["code"], "Set-Cookie" in answer.headers) == (401, "unauthorized", False)


def test_a_login_wants_its_body(call: Client) -> None:
    answer = call.send(Request.blank("/ui/login", method="POST", content_type="application/json", json={"tokn": "x"}))
    assert {error["code"] for error in answer.json["errors"]} == {"missing_field", "unknown_field"}


def test_another_site_logs_nobody_in_and_changes_nothing(call: Client, firewall: LocalFirewall) -> None:
    for site in ("cross-site", "same-site"):
        assert login(call, HTTP_SEC_FETCH_SITE=site).json["code"] == "forbidden"
    own = login(call, HTTP_SEC_FETCH_SITE="same-origin")
    cookie = cookie_in(own)
    assert with_cookie(call, cookie, "POST", "/ui/logout", HTTP_SEC_FETCH_SITE="cross-site").status_int == 403
    request = Request.blank("/v1/switches/0000000000000001:reconcile", method="POST")
    request.environ |= {"ovswarden.peer_user": 0, "HTTP_SEC_FETCH_SITE": "cross-site"}
    assert call.send(request).json["code"] == "forbidden"
    assert firewall.reconciled == []


def test_a_token_counts_more_than_a_cookie(call: Client) -> None:
    cookie = cookie_in(login(call))
    answer = call("GET", "/v1/whoami", headers={"Cookie": f"ow_session={cookie}"})
    assert answer.json["how"] == "token"
    wrong = {"Cookie": f"ow_session={cookie}", "Authorization": "Bearer ow_" + "A" * 43}
    assert call("GET", "/v1/whoami", headers=wrong).status_int == 401


@pytest.mark.parametrize("header", ["", "=", "ow_session", 'ow_session="', "x" * 10_000, "ow_session=\x00", ";;;="])
def test_a_strange_cookie_is_no_session(header: str, call: Client) -> None:
    request = Request.blank("/v1/whoami")
    request.environ["HTTP_COOKIE"] = header
    assert call.send(request).status_int == 401


def test_sessions_are_bounded_and_the_oldest_goes_first() -> None:
    sessions = Sessions()
    values = [sessions.begin(f"d{n}", 0.0) for n in range(KEPT + 1)]
    assert len(set(values)) == KEPT + 1
    assert sessions.digest(values[0], 1.0) is None
    assert sessions.digest(values[1], 1.0) == "d1"
    sessions.begin("e", SECONDS + 1.0)
    assert len(sessions._sessions) == 1
    assert not any(value in str(vars(sessions)) for value in values)


def test_an_empty_cookie_is_taken_back_at_once() -> None:
    assert "Max-Age=0" in set_cookie("", is_secure=False)
