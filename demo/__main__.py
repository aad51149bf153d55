"""The main job, on one machine: the seed's lab on a real Open vSwitch, guarded by a real controller.

Run by ``make demo``. With ONCE=1 in the environment it ends after the matrix, with status 0 only if every row is right.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import sys
import tempfile
from pathlib import Path

from demo import shop
from topology import labs, matrix
from topology.controller import Controller, ControllerError
from topology.fabric import realise
from topology.switch import SwitchError

POLICY = Path(__file__).with_name("policy.json")
REST, OPENFLOW = ("127.0.0.1", 8080), 6653


def main() -> int:
    if os.geteuid():
        return _fail("run it as root: it makes network namespaces and a switch")
    for port in (REST[1], OPENFLOW):
        if _taken(port):
            return _fail(f"TCP port {port} of this machine is in use; the demo needs it")
    once = os.environ.get("ONCE", "") not in ("", "0")
    try:
        with tempfile.TemporaryDirectory(prefix="ovswarden-demo-") as directory:
            return _run(Path(directory), once)
    except KeyboardInterrupt:
        print("\ncleaned up")
        return 0
    except (ControllerError, SwitchError) as error:
        return _fail(str(error))


def _run(directory: Path, once: bool) -> int:
    print("starting the controller: osken-manager app/stateful_fw.py", flush=True)
    switch = directory / "switch"
    settings = {
        "ovsdb": f"unix:{switch}/db.sock",
        "control_socket": f"{switch}/vswitchd.ctl",
        "rest_socket": f"{directory}/api.sock",
        "watch_interval": "2",  # what is dropped and how full zones are, soon
    }
    controller = Controller(directory, labs.SEED.uplinks, REST, OPENFLOW, settings=settings)
    with controller, realise(labs.SEED, f"tcp:127.0.0.1:{OPENFLOW}", switch) as fabric:
        controller.wait_connected()
        controller.load(json.loads(POLICY.read_text()))
        print(f"two tenants' VMs and an outside host are on a real Open vSwitch; policy: {_relative(POLICY)}")
        outcomes = fabric.matrix()
        print(f"\n{matrix.table(outcomes)}\n", flush=True)
        good = matrix.holds(outcomes)
        if once:
            return 0 if good else 1
        with shop.opened(controller, fabric):
            print(_what_now(directory), flush=True)
            signal.pause()
    return 0


def _what_now(directory: Path) -> str:
    base = f"http://{REST[0]}:{REST[1]}"
    commands = Path(sys.executable).parent
    here = f"$PWD/{_relative(commands)}" if commands.is_relative_to(Path.cwd()) else str(commands)
    return f"""A third tenant is there: {_relative(shop.DECLARED)}. The dashboard, and the token to log in:

  {base}/ui
  cat {directory}/state/admin.token

In another terminal, in this directory:

  export OVSWARDEN_SOCKET={directory}/api.sock PATH="{here}:$PATH"
  ovswarden trace shop/web-1 db-1 tcp/22           # why was this connection refused?
  ovswarden matrix -t shop --by port --to db-1     # what may reach this VM?
  ovswarden status                                 # is every switch up to date?
  ovswarden limits                                 # who is near a limit?
  ovswarden changes -t shop                        # what changed in the last hour?

or by curl:

  T="Authorization: Bearer $(cat {directory}/state/admin.token)"
  curl -sH "$T" '{base}/v1/tenants/shop/trace?src=web-1&dst=db-1&proto=tcp&dport=22'
  curl -sH "$T" '{base}/v1/tenants/shop/reachability?by=port&to=db-1&outside=true'
  curl -sH "$T" {base}/v1/switches
  curl -sH "$T" {base}/v1/usage
  curl -sH "$T" '{base}/v1/audit?since=1h&tenant=shop'
  curl -sH "$T" {base}/v1/tenants/shop/conntrack
  curl -sH "$T" -X PUT '{base}/v1/tenants/red/groups/ssh/rules/alt?wait=5s' -H 'Content-Type: application/json' \\
       -d '{{"direction": "ingress", "protocol": "tcp", "port_min": 8080}}'
  curl -sH "$T" -X DELETE '{base}/v1/tenants/red/groups/ssh/rules/alt?wait=5s'

Ctrl-C ends the demo and cleans up."""


def _relative(path: Path) -> Path:
    return path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path


def _taken(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def _fail(message: str) -> int:
    print(f"demo: {message}", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
