"""An acknowledged write survives `kill -9` of the controller, and none is ever there by half."""

from __future__ import annotations

import http.client
import json
import random
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from topology.controller import Controller

pytestmark = pytest.mark.switch
KILLS, CLIENTS = 20, 3
RULES = 20  # of each group; all of them tell the same generation


@pytest.fixture
def controller(tmp_path) -> Iterator[Controller]:
    with Controller(tmp_path) as controller:
        yield controller


def test_20_kills_lose_no_acknowledged_write_and_leave_none_by_half(controller, record_property):
    dice, acknowledged, begin = random.Random(1), 0, time.monotonic()
    clients = [Client(controller, number) for number in range(CLIENTS)]
    for _ in range(KILLS):
        with ThreadPoolExecutor(CLIENTS) as pool:
            writing = [pool.submit(client.write_until_it_ends) for client in clients]
            time.sleep(dice.uniform(0.05, 0.3))
            controller.kill()
        for each in writing:
            each.result()
        controller.start()
        for client in clients:
            client.check()
        acknowledged = sum(client.acknowledged for client in clients)
    seconds = time.monotonic() - begin
    assert acknowledged > 10 * KILLS
    record_property("acknowledged writes", acknowledged)
    print(f"\n{KILLS} kills, {acknowledged} acknowledged writes, all there; {seconds:.1f} s")


class Client:
    """Writes tenants, groups and ports of its own under ever higher generations, and remembers what was answered."""

    def __init__(self, controller: Controller, number: int) -> None:
        self._controller, self._number = controller, number
        self._generation = 0
        self._known: dict[str, int] = {}  # path -> generation of the last acknowledged write
        self._open: tuple[str, int] | None = None  # the write that was never answered
        self.acknowledged = 0

    def write_until_it_ends(self) -> None:
        connection = http.client.HTTPConnection(*self._controller.rest, timeout=10)
        headers = {"Authorization": f"Bearer {self._controller.token}", "Content-Type": "application/json"}
        try:
            while True:
                self._generation += 1
                path, body = self._next()
                self._open = path, self._generation
                connection.request("PUT", path, json.dumps(body), headers)
                answer = connection.getresponse()
                told = answer.read()
                assert answer.status in (200, 201), told
                self._known[path], self._open = self._generation, None
                self.acknowledged += 1
        except (OSError, http.client.HTTPException):
            pass  # the controller was killed
        finally:
            connection.close()

    def _next(self) -> tuple[str, dict[str, Any]]:
        turn, tenant = self._generation, f"/v1/tenants/t{self._number}"
        if tenant not in self._known or turn % 5 == 0:
            return tenant, {"description": str(turn), "labels": {"generation": str(turn)}}
        group = f"{tenant}/groups/g{turn % 3}"
        if group not in self._known or turn % 5 < 3:
            return group, {"description": str(turn), "rules": [_rule(turn, index) for index in range(RULES)]}
        index = turn % 4
        return f"{tenant}/ports/p{index}", {
            "mac": f"52:54:00:{self._number:02x}:{turn >> 8 & 255:02x}:{turn & 255:02x}",
            "addresses": [f"10.{self._number}.{turn >> 8 & 255}.{turn & 255}"],
            "groups": [group.rpartition("/")[2]],
            "labels": {"generation": str(turn)},
        }

    def check(self) -> None:
        """Every acknowledged write is there, whole, unless the one that was never answered came after it."""
        late_path, late = self._open or ("", 0)
        for path in {*self._known, late_path} - {""}:
            reply = self._controller.ask("GET", path)
            if path not in self._known and reply.status == 404:
                continue
            assert reply.status == 200, (path, reply)
            found = _generation(path, reply.body)
            assert found in {self._known.get(path), late if path == late_path else None}, (path, found)
            self._known[path] = found
        self._open = None


def _rule(generation: int, index: int) -> dict[str, Any]:
    low = 1000 + generation % 50000
    return {"key": f"r{index}", "direction": "ingress", "protocol": "tcp", "port_min": low, "port_max": low + index}


def _generation(path: str, found: dict[str, Any]) -> int:
    """The one generation that all parts of a document tell."""
    if "/groups/" in path:
        generation = int(found["description"])
        expected = [_rule(generation, index) for index in range(RULES)]
        held = [{name: rule[name] for name in expected[0]} for rule in found["rules"]]
        assert sorted(held, key=str) == sorted(expected, key=str), path
        return generation
    generation = int(found["labels"]["generation"])
    if "/ports/" in path:
        tail = [int(part) for part in found["addresses"][0].split(".")[2:]]
        assert tail == [generation >> 8 & 255, generation & 255]
        assert found["mac"].endswith(f":{tail[0]:02x}:{tail[1]:02x}")
    else:
        assert found["description"] == str(generation)
    return generation
