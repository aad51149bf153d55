"""ovs-vswitchd's control socket (ovs-vswitchd(8), Runtime Management Commands), asked off the hub.

Every question is bounded in time, and there is one at a time: ovs-vswitchd answers in its main thread anyway.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Collection, Mapping
from pathlib import Path

from app import green
from app.core.flushes import Zone
from app.ovs import rpc, threads, zones
from app.ovs.zones import Use

SECONDS = 5.0
PID_FILE = "ovs-vswitchd.pid"


class ControlTrouble(Exception):
    """The socket is not there, nobody answers in time, or ovs-vswitchd refuses. The text says which."""


class Control:
    """The control socket at `path`, or in the run directory at `path`, where a file tells the process that runs now.

    Its methods wait, in a green thread, at most `seconds`, and raise ControlTrouble.
    """

    def __init__(self, path: str) -> None:
        self.path = path
        self._turn = green.Semaphore(1)

    def ask(self, command: str, *arguments: str, seconds: float = SECONDS, most_bytes: int = rpc.MOST_BYTES) -> str:
        """Run a command, as `ovs-appctl COMMAND ARGUMENT...` does, and give what it says."""
        with green.Timeout(seconds + 1, ControlTrouble("ovs-vswitchd has not answered in time")), self._turn:
            return threads.aside(self._ask, command, arguments, seconds, most_bytes)

    def beside(self, name: str) -> Path:
        """Another file of the run directory."""
        path = Path(self.path)
        return (path if path.is_dir() else path.parent) / name

    def datapath(self, type: str | None = None) -> str:
        """The name, as dpctl commands take it, of the datapath of bridges of a type; None: the only one there is."""
        there = self.ask("dpctl/dump-dps").split()
        usual = f"{type}@ovs-{type}"
        if usual in there:
            return usual
        if len(there) != 1 or type is not None:
            which = ", ".join(there) or "none"
            wanted = (
                f"no datapath of type {type}" if type else "not exactly one datapath, and no OVSDB says which is meant"
            )
            raise ControlTrouble(f"ovs-vswitchd has {wanted} (it has: {which})")
        return there[0]

    def limits(self, datapath: str, of: Collection[int] = (), seconds: float = SECONDS) -> dict[int, Use]:
        """Limit and connections of the zones that have a limit, or of the zones named."""
        chosen = ["zone=" + ",".join(map(str, sorted(of)))] if of else []
        return zones.parse_limits(self.ask("dpctl/ct-get-limits", datapath, *chosen, seconds=seconds))

    def limit(
        self, datapath: str, held: Mapping[int, int], wanted: Mapping[int, int], released: Collection[int] = ()
    ) -> None:
        """Give zones their limits, by as few commands as possible; see `zones.limit_commands`."""
        for command, arguments in zones.limit_commands(held, wanted, released):
            self.ask(command, datapath, *arguments)

    def connections(self, datapath: str, zone: int, seconds: float = SECONDS, most_bytes: int = 32 << 20) -> list[str]:
        """The entries of a zone, as dpctl/dump-conntrack writes them. More than `most_bytes` is trouble."""
        where = ("-s", datapath, f"zone={zone}")  # with the seconds that are left of each
        answer = self.ask("dpctl/dump-conntrack", *where, seconds=seconds, most_bytes=most_bytes)
        return answer.splitlines()

    def flush(self, datapath: str, zone: Zone, tuple: str) -> None:
        """Have one entry of a zone forgotten, by its whole original tuple in dpctl's words. For Open vSwitch before
        3.1: later ones take their arguments in another order."""
        self.ask("dpctl/flush-conntrack", datapath, f"zone={zone.number}", tuple)

    def _ask(self, command: str, arguments: tuple[str, ...], seconds: float, most_bytes: int) -> str:
        path = Path(self.path)
        try:
            path = self._socket()
            return str(rpc.ask(f"unix:{path}", command, list(arguments), seconds, most_bytes))
        except rpc.Rejected as error:
            raise ControlTrouble(f"ovs-vswitchd refuses {command}: {' '.join(str(error).split())}") from error
        except (rpc.Unanswered, OSError) as error:
            reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
            raise ControlTrouble(f"control socket {path}: {reason}") from error

    def _socket(self) -> Path:
        path = Path(self.path)
        if stat.S_ISSOCK(path.stat().st_mode):
            return path
        if not path.is_dir():
            raise ControlTrouble(f"control socket {self.path}: neither a socket nor a directory")
        try:
            pid = int(_head(path / PID_FILE))
        except FileNotFoundError:
            raise ControlTrouble(
                f"control socket {self.path}: no {PID_FILE} there, ovs-vswitchd does not run"
            ) from None
        except ValueError:
            raise ControlTrouble(f"control socket {self.path}: {PID_FILE} holds no process id") from None
        return path / f"ovs-vswitchd.{pid}.ctl"


def _head(path: Path) -> bytes:
    """The first bytes of a file, whatever it is: a fifo would keep us waiting, a device would never end."""
    file = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        return os.read(file, 32)
    finally:
        os.close(file)
