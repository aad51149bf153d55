"""The service as deploy/ovswarden.service runs it, on a host whose directories are below one of the test's.

What systemd does is done by a `systemctl` of a few lines: the unit's ExecStart, without capabilities and with the
unit's umask, as setpriv(1) can do it. What only systemd can do (file name spaces, system call filters) is not tried.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
from pathlib import Path

from topology.controller import ROOT

BIN = Path(sys.executable).parent
UNIT = ROOT / "deploy" / "ovswarden.service"
SYSTEMCTL = r"""#!/bin/bash
# start | stop | restart ovswarden; enable --now and daemon-reload
pid=@/unit.pid
running() { [ -s $pid ] && kill -0 "$(cat $pid)" 2>/dev/null; }
start() {
    running && return
    install -d -m 700 @/state; install -d -m 755 @/run
    ( cd /; umask 077; exec setsid setpriv --bounding-set=-all --inh-caps=-all --no-new-privs \
        EXECSTART ) </dev/null >>@/log 2>&1 &
    echo $! >$pid
    for _ in $(seq 400); do
        curl -sf --unix-socket @/run/api.sock http://ovswarden/livez >/dev/null && return
        running || break
        sleep 0.05
    done
    tail -n 5 @/log >&2; return 1
}
stop() { running && kill "$(cat $pid)"; while running; do sleep 0.02; done; rm -f $pid; }
case $1 in
    start | enable) start ;;
    stop) stop ;;
    restart) stop; start ;;
    daemon-reload) ;;
    *) echo "systemctl $1: not here" >&2; exit 64 ;;
esac
"""


def directive(name: str) -> list[str]:
    """The values of a directive of the unit."""
    return re.findall(rf"^{name}=(.*)$", UNIT.read_text(), re.MULTILINE)


class Host:
    """A host's shell. `place` stands for its root; `ovs_run_directory` for /run/openvswitch."""

    def __init__(self, place: Path, ovs_run_directory: Path) -> None:
        self.place, self._ovs = place, ovs_run_directory
        (place / "bin").mkdir()
        (command,) = directive("ExecStart")
        text = SYSTEMCTL.replace("EXECSTART", command).replace("@", str(place))
        self._program("systemctl", self.here(text.split("\n", 1)[1]), "#!/bin/bash")
        for name in ("python", "osken-manager"):
            self._program(name, f'exec {BIN / name} "$@"')
        self._program("ovswarden", f'exec {sys.executable} -c "from cli.app import main; main()" "$@"')
        self.environment = {
            **os.environ,
            "PATH": f"{place}/bin:{os.environ['PATH']}",
            "OVS_RUNDIR": str(ovs_run_directory),
            "OVSWARDEN_SOCKET": f"{place}/run/api.sock",
            "HOME": str(place),
            "PYTHONPATH": str(ROOT),
            "NO_COLOR": "1",
            "COLUMNS": "160",
        }

    def _program(self, name: str, text: str, shell: str = "#!/bin/sh") -> None:
        file = self.place / "bin" / name
        file.write_text(f"{shell}\n{text}\n")
        file.chmod(0o755)

    def here(self, text: str) -> str:
        """The same with this host's directories."""
        places = {
            "/opt/ovswarden/bin": f"{self.place}/bin",
            "/var/lib/ovswarden": f"{self.place}/state",
            "/var/backups": f"{self.place}/backups",
            "/etc/systemd/system": f"{self.place}/systemd",
            "/etc/ovswarden": f"{self.place}/etc",
            "/run/openvswitch": str(self._ovs),
            "/run/ovswarden": f"{self.place}/run",
        }
        for usual, ours in places.items():
            text = text.replace(usual, ours)
        return text

    def run(self, script: str, good: tuple[int, ...] = (0,)) -> str:
        """What a block of commands prints; each command of it must succeed."""
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", self.here(script)],
            cwd=ROOT, env=self.environment, capture_output=True, text=True, timeout=60,
        )  # fmt: skip
        assert done.returncode in good, f"{script}\n{done.stdout}\n{done.stderr}\n{self.log()}"
        return done.stdout + done.stderr

    def log(self) -> str:
        """The end of what the service has logged."""
        file = self.place / "log"
        return "\n".join(file.read_text().splitlines()[-15:]) if file.exists() else ""

    def edit(self, path: str, before: str, after: str) -> None:
        """Change what stands in a file of the host, as an editor does."""
        file = Path(self.here(path))
        text = self.here(file.read_text())
        assert before in text, text
        file.write_text(text.replace(before, after))

    def synced(self, seconds: float = 20.0) -> None:
        """Wait until every switch is connected and up to date."""
        ask = ["curl", "-s", "--unix-socket", f"{self.place}/run/api.sock", "http://ovswarden/v1/switches"]
        end = time.monotonic() + seconds
        while True:
            told = subprocess.run(ask, capture_output=True, text=True).stdout
            states = [each["status"]["state"] for each in json.loads(told or '{"items": []}')["items"]]
            if states and set(states) == {"synced"}:
                return
            assert time.monotonic() < end, f"{states}\n{self.log()}"
            time.sleep(0.1)
