"""TLS with a client certificate, against a server that wants one."""

from __future__ import annotations

import http.server
import ssl
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import trustme

from cli.connection import Connection
from cli.places import Place
from cli.problems import Failed

AUTHORITY = trustme.CA()


class Who(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        subject = self.connection.getpeercert()["subjectAltName"]  # type: ignore[attr-defined]
        body = f'{{"name": "{subject[0][1]}"}}'.encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    AUTHORITY.issue_cert("localhost").configure_cert(context)
    AUTHORITY.configure_trust(context)
    context.verify_mode = ssl.CERT_REQUIRED
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Who)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"https://localhost:{server.server_address[1]}"
    server.shutdown()
    server.server_close()


@pytest.fixture
def place(address: str, tmp_path: Path) -> Place:
    mine = AUTHORITY.issue_cert("orchestrator.example")
    AUTHORITY.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    mine.cert_chain_pems[0].write_to_path(str(tmp_path / "me.pem"))
    mine.private_key_pem.write_to_path(str(tmp_path / "me.key"))
    return Place(address, ca=f"{tmp_path}/ca.pem", certificate=f"{tmp_path}/me.pem", key=f"{tmp_path}/me.key")


def test_a_client_certificate_is_shown(place: Place) -> None:
    assert Connection(place).get("/v1/whoami") == {"name": "orchestrator.example"}


def test_who_shows_none_is_told_that_one_is_wanted(place: Place) -> None:
    with pytest.raises(Failed, match="no answer from https://localhost"):
        Connection(Place(place.url, ca=place.ca)).get("/v1/whoami")


def test_a_server_whom_nobody_vouches_for_is_sent_nothing(place: Place) -> None:
    with pytest.raises(Failed, match="--ca FILE names one"):
        Connection(Place(place.url, token="ow_secret")).get("/v1/whoami")


def test_who_does_not_speak_tls_is_told(place: Place) -> None:
    with pytest.raises(Failed, match="try https://"):
        Connection(Place((place.url or "").replace("https:", "http:"))).get("/v1/whoami")
