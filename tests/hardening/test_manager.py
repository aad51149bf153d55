"""`osken-manager`: what it says when it cannot start, and how it ends."""

from __future__ import annotations

import contextlib
import signal
import socket
import ssl
import subprocess
import time
from pathlib import Path

import pytest

from tests.hardening.process import APP, SCRIPT, Manager, until
from tests.hardening.strangers import PORT, Switch, call, is_hung_up, plain_answer
from topology.switch import OpenVSwitch

pytestmark = pytest.mark.switch  # for the network namespace, where port 6653 is free


def run(*arguments: str | Path) -> tuple[int, list[str]]:
    """Exit status and the lines on stderr, log lines of os-ken's loader left out."""
    done = subprocess.run([SCRIPT, *arguments], capture_output=True, text=True, timeout=20)
    lines = [line for line in done.stderr.splitlines() if not line.startswith(("loading app", "instantiating app"))]
    return done.returncode, lines


def application(place: Path, text: str) -> Path:
    path = place / "broken.py"
    path.write_text(f"from os_ken.base.app_manager import OSKenApp\n{text}\n")
    return path


def test_a_wrong_option_is_told_in_one_line() -> None:
    assert run("--nonsense", APP) == (2, ["osken-manager: unrecognized arguments: --nonsense"])


def test_a_wrong_value_is_told_in_one_line() -> None:
    status, lines = run("--ofp-tcp-listen-port", "many", APP)
    assert status == 2
    assert len(lines) == 1
    assert "many" in lines[0]


def test_a_wrong_value_in_a_file_is_told_in_one_line(place: Path) -> None:
    (place / "wrong.conf").write_text("[DEFAULT]\nsocket_timeout = soon\n")
    status, lines = run("--config-file", place / "wrong.conf", APP)
    assert status == 2
    assert len(lines) == 1
    assert "socket-timeout" in lines[0]
    assert "wrong.conf" in lines[0]


def test_a_missing_file_is_told_in_one_line() -> None:
    assert run("--config-file", "/nonexistent", APP)[0] == 2
    assert run("/nonexistent.py") == (1, ["osken-manager: no such application: /nonexistent.py"])


def test_a_file_without_an_application_is_told_in_one_line(place: Path) -> None:
    path = application(place, "")
    assert run(path) == (1, [f"osken-manager: no os-ken application is defined in {path}"])


def test_an_application_that_cannot_start_says_why_in_one_line(place: Path) -> None:
    path = application(
        place,
        "from app.errors import StartError\n"
        "class Broken(OSKenApp):\n"
        "    def __init__(self, *args, **kwargs):\n"
        "        super().__init__(*args, **kwargs)\n"
        "        raise StartError('the database is on another planet')",
    )
    assert run(path) == (1, ["osken-manager: the database is on another planet"])


def test_a_bug_in_an_application_is_told_in_full(place: Path) -> None:
    status, lines = run(application(place, "1 / 0"))
    assert status == 1
    assert lines[0].startswith("Traceback")
    assert lines[-1].startswith("osken-manager: could not start: division by zero")


def test_help_and_version_are_no_errors() -> None:
    assert run("--help") == (0, [])
    assert run("--version") == (0, [])


def test_a_port_in_use_ends_the_second_manager(place: Path) -> None:
    with socket.create_server(("0.0.0.0", PORT), reuse_port=True):
        status, lines = run(APP)
    assert status == 1
    assert lines == [
        f"cannot listen for switches on 0.0.0.0 port {PORT}: [Errno 98] Address already in use",
        "osken-manager: a service of the application ended",
    ]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_at_once_and_closes_the_applications(place: Path, number: signal.Signals) -> None:
    with Manager(place) as manager, Switch(0x11):
        until(lambda: bool(manager.served(0x11)))
        start = time.monotonic()
        manager.process.send_signal(number)
        assert manager.process.wait(timeout=5) == 0
        assert time.monotonic() - start < 3
        assert manager.said("closed")


def test_an_application_that_does_not_close_is_left_behind(place: Path) -> None:
    path = application(
        place,
        "from os_ken.lib import hub\n"
        "class Stubborn(OSKenApp):\n"
        "    def close(self):\n"
        "        while True: pass\n"
        "    def start(self):\n"
        "        super().start()\n"
        "        print('started', flush=True)\n",
    )
    with subprocess.Popen([SCRIPT, path], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
        assert process.stdout.readline() == b"started\n"
        process.terminate()
        assert process.wait(timeout=8) != 0


def test_it_listens_on_one_port_only(place: Path) -> None:
    with Manager(place) as manager, Switch(0x11):
        until(lambda: bool(manager.served(0x11)))
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", 6633))


def test_a_switch_that_stops_answering_counts_as_gone(place: Path) -> None:
    (place / "quick.conf").write_text("[DEFAULT]\necho_request_interval=0.2\nmaximum_unreplied_echo_requests=2\n")
    with Manager(place, "--config-file", str(place / "quick.conf")) as manager:
        silenced = False

        def answer(kind: int, body: bytes, xid: int) -> bytes:
            while silenced:
                time.sleep(0.1)
            return plain_answer(kind, body, xid)

        with Switch(0x12, answer):
            until(lambda: bool(manager.served(0x12)))
            silenced = True
            until(lambda: manager.said("lost 12: Gone"), seconds=3)
            silenced = False


def test_a_switch_can_come_by_a_unix_socket(place: Path) -> None:
    directory = place / "ovs-unix"
    directory.mkdir()
    path = directory / "br9.controller"  # the only unix socket that Open vSwitch lets br9 use
    with Manager(place, "--ofp-listen-host", str(path)) as manager:
        until(path.exists)
        with OpenVSwitch(directory) as ovs:
            ovs.add_bridge("br9", dpid=9, controller=f"unix:{path}")
            manager.wait_served(9)


def test_tls_lets_only_holders_of_a_certificate_in(place: Path) -> None:
    for command in (
        "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout ca.key -out ca.pem -subj /CN=ca -days 2",
        "req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout us.key -out us.csr -subj /CN=us",
        "x509 -req -in us.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 -out us.pem",
    ):
        subprocess.run(["openssl", *command.split()], cwd=place, check=True, capture_output=True)
    ours = [f"{place}/us.key", f"{place}/us.pem", f"{place}/ca.pem"]
    options = ["--ctl-privkey", ours[0], "--ctl-cert", ours[1], "--ca-certs", ours[2]]
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.load_verify_locations(ours[2])
    with Manager(place, *options) as manager:
        until(reachable)
        silent = [call() for _ in range(100)]
        with contextlib.suppress(OSError), context.wrap_socket(call()) as nobody:
            assert is_hung_up(nobody)
        context.load_cert_chain(ours[1], ours[0])
        with Switch(0x13, peer=context.wrap_socket(call())):
            until(lambda: len(manager.served(0x13)) > 2)
        for peer in silent:
            peer.close()
        assert manager.process.poll() is None


def reachable() -> bool:
    with contextlib.suppress(OSError), call():
        return True
    return False
