"""A real ovsdb-server with the schema of a newer Open vSwitch than the machine may have."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from topology.processes import alive
from topology.switch import SCHEMA

LIMIT = {"type": {"key": {"type": "integer", "minInteger": 0, "maxInteger": 4294967295}, "min": 0, "max": 1}}


class Ovsdb:
    """`with Ovsdb(directory, remotes...)`: a database of its own, with `CT_Zone:limit` as Open vSwitch 3.3 added it if
    `has_limits`."""

    def __init__(self, place: Path, *options: str, has_limits: bool = True) -> None:
        self.place, self._options = place, options
        self.remote = f"unix:{place}/db.sock"
        schema: dict[str, Any] = json.loads(SCHEMA.read_text())
        columns = schema["tables"]["CT_Zone"]["columns"]
        if has_limits:
            columns["limit"] = LIMIT
        else:
            columns.pop("limit", None)
        schema.pop("cksum", None)
        (place / "schema").write_text(json.dumps(schema))
        run("ovsdb-tool", "create", str(place / "conf.db"), str(place / "schema"))

    def __enter__(self) -> Ovsdb:
        self.start()
        self.vsctl("init")
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()

    def start(self) -> None:
        sockets = [f"--remote=p{self.remote}", f"--unixctl={self.place}/ovsdb.ctl"]
        run(
            "ovsdb-server", f"{self.place}/conf.db", *sockets, *self._options, "--no-chdir", "--detach",
            f"--pidfile={self.place}/pid", f"--log-file={self.place}/log", "-vconsole:emer",
        )  # fmt: skip

    def kill(self) -> None:
        pid = int((self.place / "pid").read_text())
        os.kill(pid, signal.SIGKILL)
        while alive(pid):
            pass

    def vsctl(self, *arguments: str) -> str:
        return run("ovs-vsctl", f"--db={self.remote}", "--no-wait", "--timeout=20", *arguments)

    def zones(self, column: str = "external_ids") -> Any:
        """A column of CT_Zone, as JSON; ovs-vsctl knows no columns that are newer than itself."""
        dump = run("ovsdb-client", "--format=json", "dump", self.remote, "Open_vSwitch", "CT_Zone", column)
        return [value for (value,) in json.loads(dump)["data"]]

    def held(self) -> set[int]:
        """The zones of the datapath type netdev."""
        rows = json.loads(self.vsctl("--format=json", "--columns=ct_zones", "list", "Datapath"))["data"]
        return {zone for ((_, zones),) in rows for zone, _ in zones}


def run(*command: str) -> str:
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, env=os.environ | {"LC_ALL": "C"})
    assert done.returncode == 0, (command, done.stderr)
    return done.stdout


def certificates(place: Path, *names: str) -> dict[str, Sequence[str]]:
    """For each name a key and a certificate signed by one authority, and the authority's certificate: their paths."""
    ca_key, ca = str(place / "ca.key"), str(place / "ca.pem")
    new = ("openssl", "req", "-newkey", "rsa:2048", "-nodes")
    run(*new, "-x509", "-days", "2", "-subj", "/CN=ca", "-keyout", ca_key, "-out", ca)
    made = {}
    for name in names:
        key, request, certificate = (str(place / f"{name}.{end}") for end in ("key", "csr", "pem"))
        run(*new, "-subj", f"/CN={name}", "-keyout", key, "-out", request)
        run("openssl", "x509", "-req", "-in", request, "-CA", ca, "-CAkey", ca_key, "-days", "2", "-out", certificate)
        made[name] = (key, certificate, ca)
    return made
