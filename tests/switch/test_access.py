"""The ways in to a process that runs, by the commands and options of docs/access.md."""

from __future__ import annotations

import json
import re
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from topology.controller import MANAGER, ROOT

pytestmark = pytest.mark.switch  # for a network of its own; there is no switch
DOCUMENT = (ROOT / "docs" / "access.md").read_text()
TOKEN, CERTIFICATES, CLIENT = re.findall(r"```sh\n(.*?)```", DOCUMENT, re.DOTALL)
[OPTIONS] = re.findall(r"```ini\n(.*?)```", DOCUMENT, re.DOTALL)
CONSOLE = re.search(r"```console\n\$ (.*?)\n(\{.*?\})\n```", DOCUMENT, re.DOTALL)


def run(script: str, where: Path, **environment: str) -> str:
    path = {"PATH": "/usr/bin:/bin"}
    done = subprocess.run(
        ["bash", "-euc", script], cwd=where, env=path | environment, capture_output=True, text=True, timeout=30
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def start(where: Path, options: str) -> subprocess.Popen[bytes]:
    """A controller with these options, once its socket answers."""
    file, socket = where / "ovswarden.conf", where / "api.sock"
    file.write_text(options + f"state_dir = {where / 'state'}\n")
    with (where / "log").open("wb") as log:
        command = [MANAGER, "app/stateful_fw.py", "--config-file", file, "--ofp-listen-host", "127.0.0.1"]
        process = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
    end = time.monotonic() + 20
    while time.monotonic() < end and process.poll() is None:
        alive = ["curl", "-sf", "--unix-socket", socket, "http://ovswarden/livez"]
        if subprocess.run(alive, capture_output=True, check=False).returncode == 0:
            return process
        time.sleep(0.05)
    process.kill()
    raise AssertionError((where / "log").read_text())


@pytest.fixture(scope="module")
def running(place: Path) -> Iterator[Path]:
    """The directory of a controller with TLS on 8080 and a socket, and with tenant acme."""
    run(CERTIFICATES, place)
    options = OPTIONS.replace("/etc/ovswarden", str(place)).replace("/run/ovswarden", str(place))
    process = start(place, options)
    ask(place, "-X", "PUT", "-H", "Content-Type: application/json", "-d", "{}", path="/v1/tenants/acme")
    yield place
    process.terminate()
    assert process.wait(10) == 0
    log = (place / "log").read_text()
    assert "Traceback" not in log
    assert not re.search(r"ow_[A-Za-z0-9_-]{43}", log)


def ask(where: Path, *options: str, path: str = "/v1/whoami") -> Any:
    """By the unix socket, as root."""
    command = ["curl", "-s", "--unix-socket", str(where / "api.sock"), *options, f"http://ovswarden{path}"]
    return json.loads(subprocess.run(command, capture_output=True, check=True, timeout=20).stdout)


def by_tls(where: Path, *options: str, path: str = "/v1/whoami") -> Any:
    command = ["curl", "-s", "--cacert", str(where / "ca.pem"), *options, f"https://localhost:8080{path}"]
    return json.loads(subprocess.run(command, capture_output=True, check=True, timeout=20).stdout)


def test_root_is_an_admin_on_the_socket_and_the_file_has_the_first_token(running: Path) -> None:
    assert ask(running)["how"] == "socket"
    secret = (running / "state" / "admin.token").read_text().strip()
    assert CONSOLE is not None
    shown = by_tls(running, "-H", f"Authorization: Bearer {secret}")
    assert shown == json.loads(CONSOLE[2])
    assert by_tls(running)["code"] == "unauthorized"


def test_a_token_of_a_tenant_does_what_its_role_may(running: Path) -> None:
    made = json.loads(run(TOKEN, running, SOCKET=str(running / "api.sock")))
    shows = ("-H", f"Authorization: Bearer {made['token']}")
    assert by_tls(running, *shows)["tenant"] == "acme"
    assert by_tls(running, *shows, path="/v1/tenants/other")["code"] == "not_found"
    assert by_tls(running, *shows, path="/v1/switches")["needs"] == "operator"


def test_a_client_certificate_takes_the_place_of_a_token(running: Path) -> None:
    told = run(CLIENT, running, SOCKET=str(running / "api.sock"))
    assert json.loads(told[told.rindex("{\n") :])["how"] == "certificate"


def test_plain_http_gets_no_answer_where_tls_is_spoken(running: Path) -> None:
    plain = ["curl", "-s", "http://127.0.0.1:8080/livez"]
    assert subprocess.run(plain, capture_output=True, check=False, timeout=20).stdout == b""


def test_a_certificate_that_is_not_there_stops_the_start_in_one_line(running: Path, tmp_path: Path) -> None:
    file = tmp_path / "wrong.conf"
    lines = ["[ovswarden]", "rest_listen = 127.0.0.1:8081", f"state_dir = {tmp_path / 'state'}"]
    file.write_text("\n".join([*lines, "rest_certificate = /nowhere.pem", "rest_private_key = /nowhere.key"]) + "\n")
    command = [MANAGER, "app/stateful_fw.py", "--config-file", file, "--ofp-tcp-listen-port", "6654"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=20, check=False)
    assert done.returncode != 0
    assert "rest_certificate = /nowhere.pem: No such file" in done.stderr
    assert "Traceback" not in done.stderr
