"""Questions to a control socket, and what becomes of them when nobody answers as hoped."""

from __future__ import annotations

import json
import os
import shutil
import socket
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from app import green
from app.ovs import threads
from app.ovs.control import Control, ControlTrouble

Answer = Callable[[str, list[str]], bytes]


class Vswitchd:
    """Answers as `ovs-vswitchd` does on its control socket, as far as a test says what."""

    def __init__(self, path: Path) -> None:
        self.asked: list[tuple[str, ...]] = []
        self.answers: dict[str, str] = {}
        self.raw: bytes | None = None  # in place of any answer
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(path))
        self._listener.listen()
        threading.Thread(target=self._serve, daemon=True).start()

    def close(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)  # whoever waits in accept would keep it open
        self._listener.close()

    def _serve(self) -> None:
        with suppress(OSError):
            while True:
                connection, _ = self._listener.accept()
                threading.Thread(target=self._answer, args=[connection], daemon=True).start()

    def _answer(self, connection: socket.socket) -> None:
        request = json.loads(connection.recv(1 << 16))
        self.asked.append((request["method"], *request["params"]))
        known = self.answers.get(request["method"])
        reply = {"id": request["id"], "result": known, "error": None if known is not None else "not a valid command\n"}
        with suppress(OSError):
            connection.sendall(json.dumps(reply).encode() if self.raw is None else self.raw)
            connection.recv(1)


@pytest.fixture
def place() -> Iterator[Path]:
    directory = Path(tempfile.mkdtemp(prefix="ow-"))
    yield directory
    shutil.rmtree(directory)


@pytest.fixture
def vswitchd(place: Path) -> Iterator[Vswitchd]:
    threads.prepare_ovs()
    server = Vswitchd(place / "ctl")
    yield server
    with suppress(OSError):
        server.close()


@pytest.fixture
def control(vswitchd: Vswitchd, place: Path) -> Control:
    return Control(str(place / "ctl"))


def test_limits_are_set_and_read(vswitchd, control):
    vswitchd.answers |= {"dpctl/ct-set-limits": "", "dpctl/ct-get-limits": "default limit=0\nzone=5,limit=3,count=2\n"}
    control.limit("netdev@ovs-netdev", {}, {5: 3, 6: 4})
    assert control.limits("netdev@ovs-netdev", [5]) == {5: (3, 2)}
    assert vswitchd.asked == [
        ("dpctl/ct-set-limits", "netdev@ovs-netdev", "zone=5,limit=3", "zone=6,limit=4"),
        ("dpctl/ct-get-limits", "netdev@ovs-netdev", "zone=5"),
    ]


@pytest.mark.parametrize(
    ("there", "type", "found"),
    [
        ("netdev@ovs-netdev\n", "netdev", "netdev@ovs-netdev"),
        ("netdev@ovs-netdev\n", None, "netdev@ovs-netdev"),
        ("netdev@ovs-netdev\nsystem@ovs-system\n", "system", "system@ovs-system"),
        ("netdev@ovs-netdev\nsystem@ovs-system\n", None, None),
        ("netdev@ovs-netdev\n", "system", None),
        ("", None, None),
    ],
)
def test_the_datapath_of_a_bridge_is_named_or_it_is_said_why_not(vswitchd, control, there, type, found):
    vswitchd.answers["dpctl/dump-dps"] = there
    if found:
        assert control.datapath(type) == found
        return
    with pytest.raises(ControlTrouble, match="ovs-vswitchd has no"):
        control.datapath(type)


def test_what_ovs_vswitchd_says_of_its_refusal_is_told(control):
    with pytest.raises(ControlTrouble, match="ovs-vswitchd refuses dpctl/x: not a valid command"):
        control.ask("dpctl/x")


def test_an_answer_that_does_not_come_is_not_waited_for_long_and_the_hub_goes_on(vswitchd, control):
    vswitchd.raw = b""
    ticks: list[int] = []

    def tick() -> None:
        while len(ticks) < 1000:
            green.sleep(0.01)
            ticks.append(1)

    threads.green(tick)
    with pytest.raises(ControlTrouble, match="in time"):
        control.ask("version", seconds=0.6)
    assert len(ticks) > 5
    ticks.extend([1] * 1000)
    vswitchd.raw = None
    vswitchd.answers["version"] = "3.1.0"
    assert control.ask("version") == "3.1.0", "the next question has its turn"


def test_one_question_is_asked_at_a_time(vswitchd, control):
    vswitchd.raw = b""
    outcome: list[str] = []

    def ask(seconds: float) -> None:
        try:
            control.ask("version", seconds=seconds)
        except ControlTrouble as error:
            outcome.append(str(error))

    for _ in range(3):
        threads.green(ask, 1.0)
    end = time.monotonic() + 10
    while not vswitchd.asked:
        green.sleep(0.01)
    green.sleep(0.1)
    assert len(vswitchd.asked) == 1
    while len(outcome) < 3 and time.monotonic() < end:
        green.sleep(0.05)
    assert len(outcome) == 3, "those who waited for their turn do not wait for ever"


@pytest.mark.parametrize("raw", [b"garbage", b"{]", b'{"id": 0}', b"[1, 2]", b'{"\xff": 1}'])
def test_garbage_is_trouble(vswitchd, control, raw):
    vswitchd.raw = raw
    with pytest.raises(ControlTrouble, match="control socket"):
        control.ask("version", seconds=1.0)


def test_a_list_that_is_too_long_is_trouble(vswitchd, control):
    vswitchd.answers["dpctl/dump-conntrack"] = "tcp,orig=(src=10.0.0.1)\n" * 10_000
    assert len(control.connections("netdev@ovs-netdev", 5)) == 10_000
    with pytest.raises(ControlTrouble, match="the answer is longer than"):
        control.connections("netdev@ovs-netdev", 5, most_bytes=1 << 16)


def test_a_run_directory_names_the_process_that_runs_now(vswitchd, place):
    control = Control(str(place))
    vswitchd.answers["version"] = "first"
    with pytest.raises(ControlTrouble, match=r"no ovs-vswitchd.pid there, ovs-vswitchd does not run"):
        control.ask("version")
    (place / "ovs-vswitchd.pid").write_text("10\n")
    with pytest.raises(ControlTrouble, match=r"ovs-vswitchd.10.ctl: No such file"):
        control.ask("version")
    (place / "ovs-vswitchd.10.ctl").symlink_to(place / "ctl")
    assert control.ask("version") == "first"
    second = Vswitchd(place / "ovs-vswitchd.11.ctl")
    second.answers["version"] = "second"
    (place / "ovs-vswitchd.pid").write_text("11\n")
    assert control.ask("version") == "second"
    second.close()
    (place / "ovs-vswitchd.pid").write_text("x")
    with pytest.raises(ControlTrouble, match="holds no process id"):
        control.ask("version")


def test_a_pid_file_that_is_no_file_keeps_nobody_waiting(place):
    os.mkfifo(place / "ovs-vswitchd.pid")
    with pytest.raises(ControlTrouble, match="holds no process id"):
        Control(str(place)).ask("version", seconds=0.2)
    (place / "ovs-vswitchd.pid").unlink()
    (place / "ovs-vswitchd.pid").symlink_to("/dev/zero")
    with pytest.raises(ControlTrouble, match="holds no process id"):
        Control(str(place)).ask("version", seconds=0.2)


def test_a_path_that_is_neither_a_socket_nor_a_directory_is_told(place):
    (place / "file").write_text("")
    with pytest.raises(ControlTrouble, match="neither a socket nor a directory"):
        Control(str(place / "file")).ask("version")
    with pytest.raises(ControlTrouble, match="No such file or directory"):
        Control(str(place / "absent")).ask("version")


def test_a_socket_of_somebody_who_is_gone_is_told(vswitchd, control):
    vswitchd.close()
    with pytest.raises(ControlTrouble, match="Connection refused"):
        control.ask("version")
