"""A lab to try things in, from the shell.

    python -m topology up [--lab seed|TENANTSxPORTS] [--controller tcp:127.0.0.1:6653] [--normal] [--detach]
    python -m topology list                the running lab: hosts, addresses, switch
    python -m topology exec HOST -- CMD    run a command in a host; `shell HOST` opens a shell
    python -m topology matrix              probe the lab's expectation; status 1 when it does not hold
    python -m topology down                take it down

The lab lives in the network namespace `up` runs in, and ends with that process (Ctrl-C, `down`).
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from topology import labs, matrix
from topology.fabric import Fabric, realise
from topology.namespaces import Attached
from topology.switch import SwitchError

STATE = Path(os.environ.get("OVSWARDEN_LAB", "/run/ovswarden-lab.json"))


def up(arguments: argparse.Namespace) -> int:
    if _running(arguments.state):
        return _fail(f"a lab is up already ({arguments.state}); take it down first")
    if arguments.detach:
        return _detach(arguments)
    lab = labs.named(arguments.lab)
    try:
        with realise(lab, arguments.controller, arguments.directory) as fabric:
            if arguments.normal:
                fabric.ovs.ofctl("add-flow", "actions=NORMAL")
            arguments.state.write_text(json.dumps(_describe(fabric)))
            print(_listing(_describe(fabric)), "\nCtrl-C takes it down", sep="\n", flush=True)
            signal.pause()
    except KeyboardInterrupt:
        pass
    except (SwitchError, subprocess.CalledProcessError) as error:
        return _fail(f"{error}: {getattr(error, 'stderr', '') or ''}".rstrip(": "))
    finally:
        arguments.state.unlink(missing_ok=True)
    return 0


def _detach(arguments: argparse.Namespace) -> int:
    """Start `up` again as a process of its own and wait until it has written its state."""
    again = [word for word in sys.argv[1:] if word != "--detach"]
    log = arguments.state.with_suffix(".log")
    with log.open("w") as output:
        child = subprocess.Popen(
            [sys.executable, "-m", "topology", *again],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    while not arguments.state.exists():
        if child.poll() is not None:
            return _fail(log.read_text().strip())
        time.sleep(0.05)
    print(_listing(_load(arguments.state)))
    return 0


def down(arguments: argparse.Namespace) -> int:
    pid = _load(arguments.state)["pid"]
    os.kill(pid, signal.SIGTERM)
    deadline = time.monotonic() + 30
    while arguments.state.exists():
        if time.monotonic() > deadline:
            return _fail(f"process {pid} did not take its lab down within 30 s")
        time.sleep(0.05)
    return 0


def show(arguments: argparse.Namespace) -> int:
    print(_listing(_load(arguments.state)))
    return 0


def execute(arguments: argparse.Namespace) -> int:
    state = _load(arguments.state)
    if arguments.host not in state["hosts"]:
        return _fail(f"no host {arguments.host!r}: {', '.join(state['hosts'])}")
    command = [word for word in getattr(arguments, "command", []) if word != "--"]
    command = command or [os.environ.get("SHELL", "/bin/sh")]
    namespace = state["hosts"][arguments.host]["namespace"]
    return subprocess.run(["ip", "netns", "exec", namespace, *command]).returncode


def probe(arguments: argparse.Namespace) -> int:
    state = _load(arguments.state)
    lab = labs.named(state["lab"])
    hosts = {name: Attached(lab.host(name), entry["namespace"]) for name, entry in state["hosts"].items()}
    outcomes = matrix.measure(hosts, lab.expectation)
    print(matrix.table(outcomes))
    return 0 if matrix.holds(outcomes) else 1


def _describe(fabric: Fabric) -> dict[str, Any]:
    hosts = {
        name: {
            "namespace": attached.namespace,
            "ofport": attached.ofport,
            "mac": attached.host.mac,
            "address": attached.host.address,
            "tenant": attached.host.tenant,
        }
        for name, attached in fabric.hosts.items()
    }
    where = {"directory": str(fabric.ovs.directory), "database": fabric.ovs.database}
    return {"pid": os.getpid(), "lab": fabric.lab.name, **where, "bridge": fabric.bridge, "hosts": hosts}


def _listing(state: dict[str, Any]) -> str:
    lines = [f"lab {state['lab']}, bridge {state['bridge']}, pid {state['pid']}, {state['database']}"]
    for name, host in state["hosts"].items():
        lines.append(
            f"  {name:<8} port {host['ofport']:<5} {host['mac']}  {host['address']:<15} {host['tenant'] or '(uplink)'}"
        )
    return "\n".join(lines)


def _load(path: Path) -> dict[str, Any]:
    try:
        return json.loads(path.read_text())
    except FileNotFoundError:
        raise SystemExit(f"no lab is up ({path} does not exist)") from None


def _running(path: Path) -> bool:
    if not path.exists():
        return False
    if Path(f"/proc/{_load(path)['pid']}").exists():
        return True
    path.unlink()  # left by a process that was killed
    return False


def _fail(message: str) -> int:
    print(message, file=sys.stderr)
    return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m topology", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--state", type=Path, default=STATE, help=f"state file of the lab ({STATE})")
    commands = parser.add_subparsers(required=True)
    start = commands.add_parser("up", help="build a lab and keep it until Ctrl-C")
    start.add_argument("--lab", default="seed")
    start.add_argument("--controller", default="tcp:127.0.0.1:6653")
    start.add_argument("--directory", help="where the switch keeps its files (default: a temporary one)")
    start.add_argument("--normal", action="store_true", help="add a NORMAL flow: a plain learning switch")
    start.add_argument("--detach", action="store_true", help="return once the lab is up")
    start.set_defaults(work=up)
    for name, work in (("down", down), ("list", show), ("matrix", probe)):
        commands.add_parser(name).set_defaults(work=work)
    for name in ("shell", "exec"):
        inside = commands.add_parser(name)
        inside.add_argument("host")
        if name == "exec":
            inside.add_argument("command", nargs=argparse.REMAINDER)
        inside.set_defaults(work=execute)
    return parser


def main() -> int:
    arguments = _parser().parse_args()
    return arguments.work(arguments)


if __name__ == "__main__":
    sys.exit(main())
