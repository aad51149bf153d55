"""A running controller with its lab, and the few questions that the tests ask of both."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from topology.controller import Controller
from topology.fabric import Fabric, realise
from topology.frames import Frame
from topology.labs import Family, Host, Lab
from topology.probes import send
from topology.sniffer import Sniffer
from topology.streams import Stream

DPID = "0000000000000001"
SWITCH = "tcp:127.0.0.1:6653"
TENANTS = {"vm1": "red", "vm2": "blue"}


@dataclass(frozen=True, slots=True)
class Installed:
    """A flow as `ovs-ofctl dump-flows` tells it; `text` is its match and actions."""

    cookie: int
    table: int
    duration: float
    text: str

    @property
    def actions(self) -> str:
        return self.text.partition("actions=")[2]


@dataclass
class Site:
    """A controller and the lab that it guards."""

    controller: Controller
    fabric: Fabric
    family: Family = 4  # of the traffic that is asked about
    _streams: list[Stream] = field(default_factory=list)

    # -- the state that every test begins with

    def reset(self, policy: Sequence[Mapping[str, Any]]) -> None:
        self.end_streams()
        if self.controller.process is None:
            self.controller.start()
        for name in set(self.fabric.hosts) - {host.name for host in self.fabric.lab.hosts}:
            self.fabric.detach(name)
        self.controller.wait_connected()
        keep = {document["path"] for document in policy}
        self._forget_others(keep, "ports")
        self.controller.load(policy)
        self._forget_others(keep, "groups", "address-groups")  # by now nobody names them
        self.fabric.forget()
        self.fabric.ovs.appctl("dpctl/flush-conntrack")
        self.fabric.ovs.settle()

    def _forget_others(self, keep: set[str], *kinds: str) -> None:
        for guardrail in self.controller.get("/v1/guardrails")["items"]:
            self.controller.delete(f"/v1/guardrails/{guardrail['name']}")
        for tenant in self.controller.get("/v1/tenants")["items"]:
            path = f"/v1/tenants/{tenant['name']}"
            if path not in keep:
                self.controller.delete(path + "?cascade=true")
                continue
            listed = [(kind, item) for kind in kinds for item in self.controller.get(f"{path}/{kind}")["items"]]
            others = [f"{path}/{kind}/{item['id' if kind == 'ports' else 'name']}" for kind, item in listed]
            others = [other for other in others if other not in keep]
            for other in others:
                if "/groups/" in other:
                    self.controller.put(other, {"rules": []})
            for other in others:
                self.controller.delete(other)
        for switch in self.controller.get("/v1/switches")["items"]:
            if switch["revision"]:
                self.controller.delete(f"/v1/switches/{switch['dpid']}")

    # -- changes, in force on the switch when they return

    def put(self, path: str, body: Any) -> Any:
        return self._applied("PUT", path, body)

    def patch(self, path: str, body: Any) -> Any:
        return self._applied("PATCH", path, body)

    def delete(self, path: str) -> None:
        self._applied("DELETE", path)

    def _applied(self, method: str, path: str, body: Any = None) -> Any:
        reply = self.controller.ask(method, f"{path}?wait=10s", body)
        assert reply.status in (200, 201, 204), (method, path, reply.status, reply.body)
        return reply.body

    def register(self, host: Host, **more: Any) -> Any:
        """PUT a host as a port of its tenant, which is made if need be; it may not be in force yet."""
        self.controller.put(f"/v1/tenants/{host.tenant}", {})
        for group in host.groups:
            self.controller.put(f"/v1/tenants/{host.tenant}/groups/{group}", {})
        return self.controller.put(f"/v1/tenants/{host.tenant}/ports/{host.name}", port(host, **more))

    # -- questions

    def status(self, dpid: str = DPID) -> dict[str, Any]:
        return self.controller.get(f"/v1/switches/{dpid}")["status"]

    def port_status(self, path: str) -> dict[str, Any]:
        return self.controller.get(path)["status"]

    def drops(self, path: str) -> dict[str, int]:
        """What the port's guard has dropped, by reason; the switch counts with a second's delay."""
        return self.port_status(path)["drops"]

    def flows(self, bridge: str = "br0") -> list[Installed]:
        return parse(self.fabric.ovs.ofctl("dump-flows", bridge=bridge))

    def cookies(self, bridge: str = "br0") -> list[int]:
        return sorted(flow.cookie for flow in self.flows(bridge))

    def passes(self, *pairs: tuple[str, str, int]) -> list[bool]:
        """Whether TCP opens, for (source, target, port) each, when the datapath has followed the tables."""
        self.fabric.ovs.settle()
        return [self.fabric.tcp(source, target, number, 2.0, self.family) for source, target, number in pairs]

    def blocked(self, *pairs: tuple[str, str, int]) -> bool:
        """Whether TCP opens for none of them, when the datapath has followed the tables."""
        self.fabric.ovs.settle()
        return not any(self.fabric.tcp(source, target, number, 0.5, self.family) for source, target, number in pairs)

    def pushes(self) -> int:
        """How many bundles the controller has sent."""
        return self.logged("flows pushed")

    def logged(self, text: str) -> int:
        """How often the controller's log tells this."""
        return self.controller.log.read_text().count(text)

    # -- frames and live traffic

    def reached(self, source: str, *sent: Frame, window: float = 0.3) -> list[set[str]]:
        """Send each frame from the host's interface; the other hosts that each of them reached."""
        self.fabric.ovs.settle()
        hosts = self.fabric.hosts
        with Sniffer(hosts) as sniffer:
            for frame in sent:
                send(hosts[source], frame)
            sniffer.listen(window)
            return [set(sniffer.saw(frame, 0.0) - {source}) for frame in sent]

    def leaks(self, source: str, *sent: Frame) -> list[tuple[str, set[str]]]:
        """The frames that reached anybody, and whom. Datapath flows follow the tables by some tenths of a second."""
        self.fabric.ovs.settle()
        return [(frame.name, who) for frame, who in zip(sent, self.reached(source, *sent), strict=True) if who]

    def stream(self, kind: str, source: str, target: str, port: int, interval: float = 0.05, **more: Any) -> Stream:
        stream = self.fabric.stream(kind, source, target, port, interval, **{"family": self.family} | more)
        self._streams.append(stream)
        assert stream.started(10), f"{stream.name} did not start: {stream.report().error}"
        return stream

    def end_streams(self) -> None:
        while self._streams:
            self._streams.pop().close()


@contextmanager
def running_site(place: Path, lab: Lab, **more: Any) -> Iterator[Site]:
    """Start both, and wait until the controller holds the switch; `more` goes to the controller."""
    with (
        Controller(place, lab.uplinks, **more) as controller,
        realise(lab, SWITCH, place / "switch") as fabric,
    ):
        controller.wait_connected()
        yield Site(controller, fabric)


def port(host: Host, **more: Any) -> dict[str, Any]:
    """The body that registers a host under its IPv4 address."""
    usual = {
        "binding": {"switch": DPID, "interface": host.interface},
        "mac": host.mac,
        "addresses": [host.address],
        "groups": list(host.groups),
        "vlan": host.vlan,
    }
    return usual | more


def both(host: Host) -> list[str]:
    """Its addresses of both families."""
    return [host.address, host.ip(6)]


def rule(
    direction: str, protocol: str, low: int, high: int | None = None, family: Family = 4, **more: Any
) -> dict[str, Any]:
    ports = {"port_min": low, "port_max": high or low}
    return {"direction": direction, "ethertype": f"IPv{family}", "protocol": protocol, **ports, **more}


def parse(dump: str) -> list[Installed]:
    found = []
    for line in dump.splitlines():
        head = re.match(r"\s*cookie=(0x[0-9a-f]+), duration=([\d.]+)s, table=(\d+), .*?(?=priority=|actions=)", line)
        if head:
            found.append(Installed(int(head[1], 16), int(head[3]), float(head[2]), line[head.end() :]))
    return found


def eventually(what: Callable[[], Any], seconds: float = 10.0) -> Any:
    """The first true answer within `seconds`, or the last one."""
    end = time.monotonic() + seconds
    while not (answer := what()) and time.monotonic() < end:
        time.sleep(0.05)
    return answer
