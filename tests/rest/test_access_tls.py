"""TLS: what is refused, who is known by a certificate, and how a new certificate comes in."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import trustme
from eventlet.green import ssl
from structlog.testing import capture_logs

from rest.access.gate import names_of
from rest.listening import ListenError
from rest.server import Server
from rest.tls import Credentials, Files
from rest.tokens import Tokens
from tests.rest.local import TOKEN, Client, LocalFirewall
from tests.rest.wire import BEARER, QUICK, Address, Wanted, answer, connect, get, is_closed, send

OURS, FOREIGN = trustme.CA(), trustme.CA()
SERVER = OURS.issue_cert("localhost", "127.0.0.1")
WHOAMI = "GET /v1/whoami HTTP/1.1\r\nHost: x\r\n"
Ask = Callable[..., tuple[int, dict[str, str], dict[str, Any]]]


def files(place: Path, certificate: trustme.LeafCert = SERVER) -> Files:
    found = Files(str(place / "server.pem"), str(place / "server.key"), str(place / "ca.pem"))
    certificate.cert_chain_pems[0].write_to_path(found.certificate)
    certificate.private_key_pem.write_to_path(found.private_key)
    OURS.cert_pem.write_to_path(str(found.client_ca))
    return found


@pytest.fixture
def server(firewall: LocalFirewall, tmp_path: Path) -> Iterator[Server]:
    named = files(tmp_path).named()
    server = Server(firewall, Tokens(TOKEN), Wanted(Address("127.0.0.1", 0), **named), {}, QUICK)  # type: ignore[arg-type]
    server.start()
    yield server
    server.stop(0.5)


def client(server: Server, shows: trustme.LeafCert | None = None, **how: Any) -> Any:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    OURS.configure_trust(context)
    if shows:
        shows.configure_cert(context)
    for name, value in how.items():
        setattr(context, name, value)
    return context.wrap_socket(connect(server), server_hostname="localhost")


def ask(server: Server, text: str, shows: trustme.LeafCert | None = None) -> tuple[int, dict[str, str], Any]:
    end = client(server, shows)
    try:
        send(end, text)
        status, headers, body = answer(end)
        return status, headers, json.loads(body or b"null")
    finally:
        end.close()


def know(firewall: LocalFirewall, certificate: str, id: str = "ci", role: str = "operator") -> None:
    made = Client(firewall)("POST", "/v1/tokens", {"id": id, "role": role, "certificate": certificate})
    assert made.status_int == 201


def test_a_token_goes_by_tls_and_nothing_goes_without(server: Server) -> None:
    assert ask(server, get("/v1/whoami"))[2]["how"] == "token"
    assert ask(server, WHOAMI + "\r\n")[0] == 401
    plain = connect(server)
    send(plain, get("/v1/whoami"))
    assert b"HTTP" not in answer(plain)[2]
    with pytest.raises(ssl.SSLError):
        client(server, minimum_version=ssl.TLSVersion.MINIMUM_SUPPORTED, maximum_version=ssl.TLSVersion.TLSv1_1)


def test_a_cookie_by_tls_stays_on_tls(server: Server) -> None:
    body = json.dumps({"token": TOKEN})
    head = (
        f"POST /ui/login HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    assert ask(server, head + body)[1]["set-cookie"].endswith("; Secure")


def test_a_certificate_that_stands_for_a_token_needs_no_other(server: Server, firewall: LocalFirewall) -> None:
    know(firewall, "DNS:ci.example")
    mine = OURS.issue_cert("ci.example")
    told = ask(server, WHOAMI + "\r\n", mine)[2]
    assert (told["name"], told["role"], told["how"]) == ("ci", "operator", "certificate")
    assert ask(server, WHOAMI + BEARER + "\r\n", mine)[2]["name"] == "admin"
    Client(firewall)("DELETE", "/v1/tokens/ci")
    status, _, problem = ask(server, WHOAMI + "\r\n", mine)
    assert (status, problem["code"]) == (401, "unauthorized")
    assert "DNS:ci.example" in problem["detail"]


def test_a_certificate_taken_back_is_refused_on_a_connection_that_stands(
    server: Server, firewall: LocalFirewall
) -> None:
    know(firewall, "DNS:ci.example")
    end = client(server, OURS.issue_cert("ci.example"))
    send(end, WHOAMI + "\r\n")
    assert answer(end)[0] == 200
    Client(firewall)("DELETE", "/v1/tokens/ci")
    send(end, WHOAMI + "\r\n")
    assert answer(end)[0] == 401


def test_a_certificate_of_a_stranger_is_not_spoken_to(server: Server, firewall: LocalFirewall) -> None:
    know(firewall, "DNS:ci.example")
    end = client(server, FOREIGN.issue_cert("ci.example"))  # in TLS 1.3 a client is ready before the server has judged
    send(end, WHOAMI + "\r\n")
    with pytest.raises(ssl.SSLError, match="unknown ca"):
        end.recv(1)
    assert ask(server, get())[0] == 200


def test_a_certificate_that_stands_for_several_tokens_is_none(server: Server, firewall: LocalFirewall) -> None:
    know(firewall, "DNS:one.example", "one", "metrics")
    know(firewall, "DNS:two.example", "two", "admin")
    status, _, problem = ask(server, WHOAMI + "\r\n", OURS.issue_cert("one.example", "two.example"))
    assert (status, "several" in problem["detail"]) == (401, True)


def test_who_says_nothing_holds_nobody_up_and_is_not_waited_for(server: Server) -> None:
    silent = connect(server)
    started = time.monotonic()
    assert ask(server, get())[0] == 200
    assert time.monotonic() - started < QUICK.patience.head
    assert is_closed(silent)
    assert time.monotonic() - started < QUICK.patience.step


def test_a_renewed_certificate_is_shown_without_a_restart_and_a_broken_one_never(
    server: Server, tmp_path: Path
) -> None:
    def shown() -> bytes:
        end = client(server)
        try:
            return bytes(end.getpeercert(binary_form=True))
        finally:
            end.close()

    first = shown()
    (tmp_path / "server.pem").write_text("half a file")
    assert shown() == first
    files(tmp_path, OURS.issue_cert("localhost"))
    second = shown()
    assert second != first
    os.utime(tmp_path / "server.pem")
    assert shown() == second


@pytest.mark.parametrize(("host", "is_told"), [("127.0.0.1", False), ("::1", False), ("0.0.0.0", True)])
def test_tokens_that_cross_a_network_readable_are_warned_about(
    host: str, is_told: bool, firewall: LocalFirewall, tmp_path: Path
) -> None:
    for named, expected in (({}, is_told), (files(tmp_path).named(), False)):
        server = Server(firewall, Tokens(TOKEN), Wanted(Address(host, 0), **named), {}, QUICK)  # type: ignore[arg-type]
        with capture_logs() as lines:
            server.start()
        server.stop(0.1)
        assert ("rest.plain" in [line["event"] for line in lines]) == expected


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        ("server.pem", None, "rest_certificate = {}: No such file or directory"),
        ("server.pem", "nothing", "rest_certificate = {} holds no certificate"),
        ("server.key", "nothing", "rest_private_key = {} holds no private key that can be used"),
        ("server.key", FOREIGN.issue_cert("x").private_key_pem.bytes().decode(), "rest_private_key = {} is not"),
        ("ca.pem", "nothing", "rest_client_ca = {} holds no certificate"),
        ("ca.pem", SERVER.cert_chain_pems[0].bytes().decode(), "rest_client_ca = {} holds no certificate of an auth"),
    ],
)  # fmt: skip
def test_files_that_are_of_no_use_are_one_line(name: str, content: str | None, told: str, tmp_path: Path) -> None:
    wanted = files(tmp_path)
    (tmp_path / name).unlink() if content is None else (tmp_path / name).write_text(content)
    with pytest.raises(ListenError) as caught:
        Credentials(wanted)
    assert caught.value.exit_message.startswith(told.format(tmp_path / name))
    assert "\n" not in caught.value.exit_message


def test_the_names_in_a_certificate_are_those_it_was_made_for() -> None:
    subject = ((("organizationName", "x"),), (("commonName", "Old Name"),))
    assert names_of({"subject": subject}) == ["CN:Old Name"]
    names = (
        ("DNS", "A.example"),
        ("URI", "spiffe://x/y"),
        ("IP Address", "10.0.0.1"),
        ("email", "a@b"),
        ("DirName", ""),
    )
    assert names_of({"subject": subject, "subjectAltName": names}) == [
        "DNS:a.example",
        "URI:spiffe://x/y",
        "IP:10.0.0.1",
        "email:a@b",
    ]
    assert names_of({"subjectAltName": (("DNS", "a\nb"), ("DNS", ""))}) == []
