"""Start what docker-compose.yml describes, drive it by REST like an operator, and see that it filters.

    tools/with-docker .venv/bin/python tools/compose_test.py        (make test-compose)

Real packets between the seed lab's machines, plugged into the bridge of the service `openvswitch`. Runs as a
compose project of its own and removes all of it. Needs root and the set-up of `tools/setup`. The last line is
`N passed, N failed`; exit status 0 only if none failed.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
import traceback
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from contextlib import ExitStack, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

PROJECT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(PROJECT))

from topology import frames, matrix, probes  # noqa: E402
from topology.labs import SEED, Host  # noqa: E402
from topology.namespaces import Attached, create, unique_prefix  # noqa: E402

BRIDGE = "br0"
START = 90  # seconds the services may take until they are healthy
SETTLE = 20  # seconds a switch may take to be connected and up to date
# "up*" are the uplinks in docker/controller/ovswarden.conf
INTERFACES = {"ext": "up1", "vm1": "tp1", "vm2": "tp2", "stranger": "tp3"}
STRANGER = Host("stranger", "52:54:00:00:00:03", "192.168.0.3")
# The seed lab's tenants, groups and ports: REST path -> body
POLICY = {entry["path"]: entry["body"] for entry in json.loads((PROJECT / "demo/policy.json").read_text())}


class Report:
    """What was checked so far, a line for each."""

    def __init__(self) -> None:
        self.passed = self.failed = 0
        self._began = time.monotonic()

    def check(self, what: str, holds: bool, details: str = "") -> bool:
        """Count and print one check; `details` only where it does not hold."""
        self.passed += holds
        self.failed += not holds
        print(f"{'ok  ' if holds else 'FAIL'} {time.monotonic() - self._began:5.1f} s  {what}", flush=True)
        if details and not holds:
            print(details, flush=True)
        return holds

    def need(self, what: str, holds: bool, details: str = "") -> None:
        """A check without which going on tells nothing. Raises SystemExit."""
        if not self.check(what, holds, details):
            raise SystemExit(1)


class Stack:
    """The running services of one compose project."""

    def __init__(self) -> None:
        self.port = _free_port()
        self._environment = {
            **os.environ,
            "COMPOSE_PROJECT_NAME": f"ovswarden-test-{os.getpid()}",
            "OVSWARDEN_PORT": str(self.port),
        }

    def compose(self, *arguments: str, timeout: float = 300) -> subprocess.CompletedProcess[str]:
        """`docker compose ARGUMENTS`, whatever comes of it; stdout and stderr together."""
        return subprocess.run(
            ["docker", "compose", *arguments], cwd=PROJECT, env=self._environment, timeout=timeout, text=True,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )  # fmt: skip

    def inside(self, service: str, *command: str) -> str:
        """The output of a command in a service's container. Raises RuntimeError when it fails."""
        done = self.compose("exec", "-T", service, *command, timeout=60)
        if done.returncode:
            raise RuntimeError(f"{service}: {' '.join(command)}: {done.stdout}")
        return done.stdout.strip()

    def container(self, service: str, template: str) -> str:
        """What `docker inspect` says of a service's container, running or not."""
        container = self.compose("ps", "--all", "--quiet", service).stdout.strip()
        return _run("docker", "inspect", "--format", template, container)

    def adopt(self, interface: str) -> None:
        """Move an interface of this machine into the switch's container and add it to the bridge."""
        pid = self.container("openvswitch", "{{.State.Pid}}")
        _run("ip", "link", "set", interface, "netns", pid)
        _run("nsenter", "--target", pid, "--net", "ip", "link", "set", interface, "up")
        self.inside("openvswitch", "ovs-vsctl", "add-port", BRIDGE, interface)

    def connected(self) -> bool:
        """Whether the switch itself says that it is connected to its controller."""
        listing = self.inside("openvswitch", "ovs-vsctl", "--bare", "--columns=is_connected", "list", "controller")
        return listing == "true"

    def remove(self) -> None:
        """Stop everything; containers, networks, volumes and the images that were built go."""
        self.compose("down", "--volumes", "--rmi", "local", "--timeout", "5")


class Api:
    """The controller's REST API."""

    def __init__(self, port: int) -> None:
        self.token = ""
        self._base = f"http://127.0.0.1:{port}"
        self._opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))

    def ask(self, method: str, path: str, body: object = None) -> tuple[int, Any]:
        """Status and document of the answer. Raises OSError when there is none."""
        headers = {"Content-Type": "application/json"}
        if self.token:
            headers["Authorization"] = f"Bearer {self.token}"
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self._base + path, data, headers, method=method)
        try:
            with self._opener.open(request, timeout=15) as answer:
                text = answer.read().decode()
                is_json = "json" in answer.headers.get("Content-Type", "")
                return answer.status, json.loads(text) if is_json else text
        except urllib.error.HTTPError as refusal:
            return refusal.code, refusal.read().decode(errors="replace")

    def put(self, path: str, body: object) -> None:
        """Create or replace. Raises RuntimeError when it is refused."""
        status, answer = self.ask("PUT", path, body)
        if status not in (200, 201):
            raise RuntimeError(f"PUT {path}: {status} {answer}")


def start(report: Report, stack: Stack) -> None:
    """Build the images, bring the services up, and look at them from outside."""
    done = stack.compose("config", "--quiet")
    report.need("docker-compose.yml parses", done.returncode == 0, done.stdout)
    done = stack.compose("build", "--progress", "plain")
    report.need("images are built", done.returncode == 0, done.stdout[-4000:])
    done = stack.compose("up", "--detach", "--no-build", "--wait", "--wait-timeout", str(START))
    logs = "" if done.returncode == 0 else done.stdout + stack.compose("logs", "--no-color", "--tail", "40").stdout
    report.need("both services are healthy", done.returncode == 0, logs)
    report.check("the controller does not run as root", stack.inside("controller", "id", "-u") != "0")
    mode = stack.inside("openvswitch", "ovs-vsctl", "get", "bridge", BRIDGE, "datapath_type", "fail_mode")
    report.check("the bridge is a userspace one and fails closed", mode.split() == ["netdev", "secure"], mode)
    linked = _within(SETTLE, stack.connected)
    report.need(
        "the switch is connected to the controller", linked, stack.compose("logs", "--no-color", "--tail", "40").stdout
    )


def log_in(report: Report, stack: Stack, api: Api) -> str:
    """Take the token as the operator does; the id of the connected switch."""
    report.check("without the token there is no answer", api.ask("GET", "/v1/tenants")[0] == 401)
    api.token = stack.inside("controller", "cat", "/var/lib/ovswarden/admin.token")
    mode = stack.inside("controller", "stat", "-c", "%a", "/var/lib/ovswarden/admin.token")
    report.check("the token's file is its owner's only", mode == "600", mode)
    bridge = stack.inside("openvswitch", "ovs-vsctl", "get", "bridge", BRIDGE, "datapath_id").strip('"')
    listed = _within(SETTLE, lambda: bridge in _connected_switches(api))
    report.need("the API lists the switch as connected", listed, str(api.ask("GET", "/v1/switches")))
    return bridge


def plug(stack: Stack, cleanup: ExitStack) -> dict[str, Attached]:
    """The lab's hosts and one that nobody registers, on the bridge in the container."""
    prefix, hosts = unique_prefix(), {}
    for host in (*SEED.hosts, STRANGER):
        attached = create(replace(host, interface=INTERFACES[host.name]), f"{prefix}-{host.name}")
        cleanup.callback(attached.close)
        stack.adopt(attached.host.interface)
        hosts[host.name] = attached
    return hosts


def load_policy(api: Api, switch: str) -> None:
    """The demo's policy, with its ports bound to the interfaces in the container."""
    for path, body in POLICY.items():
        if "binding" in body:
            interface = INTERFACES[body["binding"]["interface"]]
            body = {**body, "binding": {"switch": switch, "interface": interface}}
        api.put(f"{path}?wait=5s", body)


def check_matrix(report: Report, hosts: Mapping[str, Attached], when: str) -> None:
    """Every row of the seed's matrix, with real packets."""
    outcomes = matrix.measure(hosts, SEED.expectation)
    report.check(f"the {len(outcomes)} rows of the matrix hold {when}", matrix.holds(outcomes), matrix.table(outcomes))


def check_forgeries(report: Report, hosts: Mapping[str, Attached]) -> None:
    """Frames under another's name reach nobody, where the same honest frame arrives."""
    vm1, ext = hosts["vm1"].host, hosts["ext"].host
    reached = probes.frame(hosts, "vm1", frames.udp(vm1, ext))
    report.check("an honest frame arrives where it is sent to, and only there", reached == {"ext"}, str(reached))
    for frame in (
        frames.wrong_mac(vm1, ext),
        frames.wrong_address(vm1, ext, "192.168.0.77"),
        frames.wrong_address_broadcast(vm1, ext, "192.168.0.77"),
        frames.arp_wrong_spa(vm1, ext.address, "192.168.0.2"),
        frames.arp_wrong_sha(vm1, ext.address),
    ):
        reached = probes.frame(hosts, "vm1", frame)
        report.check(f"{frame.name}: reaches nobody", not reached, str(reached))
    reached = probes.frame(hosts, "stranger", frames.udp(hosts["stranger"].host, ext))
    report.check("an unregistered interface reaches nobody", not reached, str(reached))


def check_change(report: Report, api: Api, hosts: Mapping[str, Attached]) -> None:
    """A rule taken away by REST closes its port; put back, it opens it again."""
    group = "/v1/tenants/red/groups/ssh"
    api.put(f"{group}?wait=5s", {"rules": []})
    closed = not probes.tcp(hosts["ext"], hosts["vm1"], 22)
    report.check("a rule removed by REST: its port is closed when the answer comes", closed)
    api.put(f"{group}?wait=5s", POLICY[group])
    opened = probes.tcp(hosts["ext"], hosts["vm1"], 22)
    report.check("the rule put back by REST: its port is open when the answer comes", opened)


def check_command(report: Report, stack: Stack, api: Api) -> None:
    """The command line in the container needs no token; metrics are there, for who has one."""
    said = stack.compose("exec", "-T", "controller", "ovswarden", "status", timeout=60)
    report.check(
        "`ovswarden status` in the container needs no token", "every switch is up to date" in said.stdout, said.stdout
    )
    status, text = api.ask("GET", "/metrics")
    report.check("metrics are there", status == 200 and "ovswarden_switch_connected" in text, str(text)[:400])


def check_restart(report: Report, stack: Stack, api: Api, hosts: Mapping[str, Attached]) -> None:
    """The switch filters on without its controller, which forgets nothing."""
    before = _everything(api)
    report.check("tenants, groups and ports can be read", {status for status, _ in before} == {200}, str(before))
    stack.compose("stop", "controller")
    status = stack.container("controller", "{{.State.ExitCode}}")
    report.check("the controller ends cleanly when it is told to", status == "0", f"exit status {status}")
    check_matrix(report, hosts, "while the controller is stopped")
    stack.compose("start", "controller")
    report.check("started again, the API is back", _within(START, lambda: _alive(api)))
    stack.compose("restart", "controller")
    report.check("`docker compose restart controller` brings it back", _within(START, lambda: _alive(api)))
    report.check("the switch connects again", _within(SETTLE, stack.connected))
    report.check("same token, same tenants, groups and ports", _within(5, lambda: _everything(api) == before))
    check_matrix(report, hosts, "after the restart")


def _connected_switches(api: Api) -> set[str]:
    status, answer = api.ask("GET", "/v1/switches")
    return {item["dpid"] for item in answer["items"] if item["status"]["connected"]} if status == 200 else set()


def _everything(api: Api) -> list[Any]:
    """What the operator wrote, as the API tells it."""
    paths = [f"/v1/tenants/{host.tenant}{rest}" for host in SEED.ports() for rest in ("", "/groups", "/ports")]
    return [(status, _written(answer)) for status, answer in (api.ask("GET", path) for path in paths)]


def _written(document: Any) -> Any:
    """A document without what the controller observes and adds to it."""
    if isinstance(document, list):
        return [_written(item) for item in document]
    if isinstance(document, dict):
        return {key: _written(value) for key, value in document.items() if key != "status"}
    return document


def _alive(api: Api) -> bool:
    with suppress(OSError):
        return api.ask("GET", "/livez")[0] == 200
    return False


def _within(seconds: float, holds: Callable[[], bool]) -> bool:
    """Whether it holds now or within that time."""
    deadline = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.2)
    return True


def _run(*command: str) -> str:
    return subprocess.run(command, check=True, capture_output=True, text=True, timeout=30).stdout.strip()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def run(report: Report, cleanup: ExitStack) -> None:
    """All checks in order. Raises SystemExit where going on would tell nothing."""
    stack = Stack()
    cleanup.callback(stack.remove)
    start(report, stack)
    api = Api(stack.port)
    switch = log_in(report, stack, api)
    hosts = plug(stack, cleanup)
    reached = probes.frame(hosts, "vm1", frames.udp(hosts["vm1"].host, hosts["ext"].host))
    report.check("before there is a policy nothing passes", not reached, str(reached))
    load_policy(api, switch)
    check_matrix(report, hosts, "with the policy loaded by REST")
    check_forgeries(report, hosts)
    check_change(report, api, hosts)
    check_command(report, stack, api)
    check_restart(report, stack, api, hosts)
    if report.failed:
        print(stack.compose("logs", "--no-color", "--tail", "60").stdout)


def main() -> int:
    """Run the checks and tell; 0 only if some passed and none failed."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    report = Report()
    with ExitStack() as cleanup:
        try:
            run(report, cleanup)
        except SystemExit as end:
            if not report.failed:  # told to stop, not a failed check
                raise end
        except Exception as error:
            report.check(f"{type(error).__name__}: {error}", False, traceback.format_exc())
    print(f"{report.passed} passed, {report.failed} failed")
    return 1 if report.failed or not report.passed else 0


if __name__ == "__main__":
    sys.exit(main())
