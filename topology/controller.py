"""An OpenFlow controller as a process, started as its operator would start it, and its REST API."""

from __future__ import annotations

import http.client
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
MANAGER = Path(sys.executable).parent / "osken-manager"
START_SECONDS, STOP_SECONDS = 30.0, 5.0


class ControllerError(RuntimeError):
    """The controller did not start, or answered with an error."""


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer of the REST API; `body` is parsed JSON, or text."""

    status: int
    headers: Mapping[str, str]
    body: Any


class Controller:
    """`with Controller(directory, uplinks=["ext"]) as controller:` runs it until the end of the block.

    `directory` keeps its state, configuration and log. `put`, `get`, ... raise `ControllerError` for anything that is
    not a success; `ask` gives every answer.
    """

    def __init__(
        self,
        directory: str | os.PathLike[str],
        uplinks: Sequence[str] = (),
        rest: tuple[str, int] = ("127.0.0.1", 8080),
        openflow: int = 6653,
        settings: Mapping[str, str] | None = None,
        command: Sequence[str] = (str(MANAGER),),
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self.directory, self.rest = Path(directory), rest
        self.log = self.directory / "controller.log"
        self._command = [*command, "app/stateful_fw.py", "--config-file", str(self.directory / "ovswarden.conf")]
        self._command += ["--ofp-tcp-listen-port", str(openflow), "--ofp-listen-host", "127.0.0.1"]
        self._environment = {**os.environ, **(environment or {})}
        self._settings = {
            "rest_listen": f"{rest[0]}:{rest[1]}",
            "state_dir": str(self.directory / "state"),
            "uplinks": ",".join(uplinks),
            "write_rate": "0",  # a lab is written at once
            **(settings or {}),
        }
        self.process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Controller:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    # -- the process

    def start(self) -> None:
        """Start it and wait until it answers. `ControllerError` has the end of its log if it does not."""
        self.directory.mkdir(parents=True, exist_ok=True)
        lines = ["[ovswarden]", *(f"{name} = {value}" for name, value in self._settings.items())]
        (self.directory / "ovswarden.conf").write_text("\n".join(lines) + "\n")
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                self._command, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=self._environment
            )
        try:
            self._wait_until_alive()
        except BaseException:
            self.kill()
            raise

    def _wait_until_alive(self) -> None:
        end = time.monotonic() + START_SECONDS
        while time.monotonic() < end:
            assert self.process is not None
            if self.process.poll() is not None:
                raise ControllerError(f"the controller ended: {self.tail()}")
            try:
                if self.ask("GET", "/livez").status == 200:
                    return
            except OSError:
                pass
            time.sleep(0.05)
        raise ControllerError(f"the controller does not answer on {self.rest}: {self.tail()}")

    def tail(self, lines: int = 15) -> str:
        """The end of its log."""
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:]) if self.log.exists() else ""

    def stop(self) -> float:
        """SIGTERM. The seconds until it had ended; one that does not end in time is killed, which is an error."""
        if self.process is None or self.process.poll() is not None:
            self.process = None
            return 0.0
        begin = time.monotonic()
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.kill()
            raise ControllerError(f"the controller did not stop within {STOP_SECONDS} s: {self.tail()}") from None
        self.process = None
        return time.monotonic() - begin

    def kill(self) -> None:
        """SIGKILL."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None

    # -- its API

    @property
    def token(self) -> str:
        return (self.directory / "state" / "admin.token").read_text().strip()

    def ask(self, method: str, path: str, body: Any = None, headers: Mapping[str, str] | None = None) -> Reply:
        """One request on a connection of its own."""
        connection = http.client.HTTPConnection(*self.rest, timeout=60)
        sent = {"Accept": "*/*", **(headers or {})}
        if path != "/livez":
            sent.setdefault("Authorization", f"Bearer {self.token}")
        data = None
        if body is not None:
            data = json.dumps(body).encode()
            sent["Content-Type"] = "application/json"
        try:
            connection.request(method, path, data, sent)
            answer = connection.getresponse()
            content = answer.read().decode()
            is_json = "json" in (answer.getheader("Content-Type") or "")
            return Reply(answer.status, dict(answer.getheaders()), json.loads(content) if is_json else content)
        finally:
            connection.close()

    def _must(self, method: str, path: str, body: Any = None) -> Any:
        reply = self.ask(method, path, body)
        if not 200 <= reply.status < 300:
            raise ControllerError(f"{method} {path}: {reply.status} {json.dumps(reply.body)}")
        return reply.body

    def get(self, path: str) -> Any:
        return self._must("GET", path)

    def put(self, path: str, body: Any) -> Any:
        return self._must("PUT", path, body)

    def post(self, path: str, body: Any) -> Any:
        return self._must("POST", path, body)

    def delete(self, path: str) -> None:
        self._must("DELETE", path)

    def load(self, policy: Sequence[Mapping[str, Any]]) -> None:
        """PUT each ``{"path": ..., "body": ...}`` in order, and wait until the switches have confirmed the last."""
        for document in policy:
            self.put(document["path"], document["body"])
        self.settle()

    def settle(self, seconds: float = 10.0) -> None:
        """Wait until every connected switch has confirmed the present revision."""
        revision = self.ask("GET", "/v1/tenants").headers["X-Revision"]
        reply = self.ask("GET", f"/v1/revisions/{revision}?wait={seconds:g}s")
        if reply.status != 200:
            raise ControllerError(f"revision {revision} is not confirmed: {json.dumps(reply.body)}")

    def wait_connected(self, count: int = 1, seconds: float = 20.0) -> list[dict[str, Any]]:
        """Wait until `count` switches are connected and hold what is wanted; their status."""
        end = time.monotonic() + seconds
        while True:
            switches = [s for s in self.get("/v1/switches")["items"] if s["status"]["connected"]]
            ready = [s for s in switches if s["status"]["state"] == "synced"]
            if len(ready) >= count:
                return ready
            if time.monotonic() > end:
                raise ControllerError(f"{len(ready)} of {count} switches are there: {switches}; log: {self.tail()}")
            time.sleep(0.05)
