"""Faults of the switch: its daemons, its flow tables, and its interfaces."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import time
from collections.abc import Callable, Iterator
from dataclasses import replace

from benchmarks.fault_site import SWITCH, VM4, Cell, FaultSite, body, until
from benchmarks.watch import Probing
from topology import frames, labs
from topology.processes import alive

POLICY = 60
PORT = f"/v1/tenants/{VM4.tenant}/ports/{VM4.name}"
DOOR = 4999  # of vm2; no probe of the others goes there


def vswitchd_killed(site: FaultSite, _: float) -> str:
    wanted, begin = site.cookies(), time.monotonic()
    site.fabric.ovs.kill_vswitchd(signal.SIGKILL)
    time.sleep(0.5)
    site.fabric.ovs.start_vswitchd()
    until(lambda: _flows_are(site, wanted), "the flows are back", 20)
    return f"flows back after {time.monotonic() - begin:.1f} s"


def database_restarted(site: FaultSite, _: float) -> str:
    """Open vSwitch serves nothing in its main thread while its database is away, not even packets, where that thread
    forwards them: the ordinary ports of a userspace datapath. It is back at the database a second or more later.
    """
    ovs = site.fabric.ovs
    _restart_database(site)
    ovs.vsctl("set", "open_vswitch", ".", "external_ids:after=restart")  # answered when vswitchd has caught up
    time.sleep(1)
    return "the main thread's datapath stands still meanwhile"


def refused(site: FaultSite, _: float) -> str:
    """Table 0 takes no more flows than it has, so that the bundle of a new port is refused."""
    ovs, held = site.fabric.ovs, site.cookies()
    with _plugged(site, VM4):
        limit = sum("table=" not in text for _, text in site.flows())  # ovs-ofctl does not name table 0
        table = ("--id=@t", "create", "Flow_Table", f"flow_limit={limit}", "overflow_policy=refuse")
        tables = ovs.vsctl("get", "bridge", "br0", "flow_tables").strip()
        ovs.vsctl("--", *table, "--", "set", "bridge", "br0", "flow_tables:0=@t")
        try:
            code = site.controller.ask("PUT", f"{PORT}?wait=1s", body(VM4)).status
            assert code == 202, f"the port's PUT: {code}"
            status = site.status()
            assert status["state"] == "backoff", status
            assert site.cookies() == held, "part of a refused bundle is in force"
        finally:
            ovs.vsctl("set", "bridge", "br0", f"flow_tables={tables}")
        took = until(lambda: site.status()["state"] == "synced", "the bundle is taken", 40)
        site.controller.delete(f"{PORT}?wait=10s")
    return f"{status['last_error'][:40]}; nothing of it in force; taken {took:.1f} s after there was room"


def deleted(site: FaultSite, _: float) -> str:
    """The flow by which new connections to vm1's port 22 are admitted; established ones do not need it."""

    def delete(flow: str) -> None:
        site.fabric.ovs.ofctl("--strict", "del-flows", flow.partition(" actions=")[0])

    return _tampered(site, delete)


def altered(site: FaultSite, _: float) -> str:
    """The same flow with its cookie and its match, and other actions."""

    def alter(flow: str) -> None:
        site.fabric.ovs.ofctl("--strict", "mod-flows", flow.partition("actions=")[0] + "actions=drop")

    return _tampered(site, alter)


def injected(site: FaultSite, _: float) -> str:
    """A flow that opens one UDP port of vm2 for the outside, past policy: a leak by itself, until it is found."""
    ovs, vm2 = site.fabric.ovs, labs.SEED.host("vm2")
    ext = labs.SEED.host("ext")
    door = ("ext", frames.udp(ext, vm2, dport=DOOR, name="through the injected flow"))
    opening = f"table=0,priority=65000,in_port={ext.ofport},udp,nw_dst={vm2.address},tp_dst={DOOR}"
    wanted = site.cookies()
    probing = Probing(site.fabric, (door,), site.control)
    ovs.ofctl("add-flow", f"{opening},actions=output:{vm2.ofport}")
    time.sleep(0.5)
    how, took = _repaired(site, lambda: _flows_are(site, wanted))
    ovs.settle()
    time.sleep(0.3)
    _, leaked, _ = probing.close()
    assert leaked, "the injected flow did nothing: this cell proves nothing"
    probing = Probing(site.fabric, (door,), site.control)
    time.sleep(0.5)
    assert not probing.close()[1], "the door is still open"
    return f"{how} after {took:.2f} s; {leaked.total()} through the injected flow until then"


def _tampered(site: FaultSite, tamper: Callable[[str], object]) -> str:
    flow, exact = _admitting(site, 22), site.flows()
    assert site.opens("ext", "vm1", 22)
    tamper(flow)
    assert not site.opens("ext", "vm1", 22, 0.5), "tampering did nothing: this cell proves nothing"
    how, took = _repaired(site, lambda: sorted(site.flows()) == sorted(exact))
    assert site.opens("ext", "vm1", 22), "new connections are still refused"
    return f"new connections refused until {how}, {took:.2f} s; established ones go on"


def _repaired(site: FaultSite, right: Callable[[], bool]) -> tuple[str, float]:
    """Ask for a comparison at once; where that is not offered, have the switch connect again."""
    reply = site.controller.ask("POST", f"{SWITCH}:reconcile")
    if reply.status < 300:
        return "reconciled", until(right, "repaired by :reconcile")
    site.cable.pull()
    try:
        return f"connected again (:reconcile {reply.status})", until(right, "repaired", 5)
    except AssertionError:
        site.fabric.ovs.ofctl("del-flows")  # not noticed: have everything made anew, or later cells suffer
        site.cable.pull()
        until(right, "everything made anew")
        raise AssertionError("not noticed by a new connection") from None


def interface_again(site: FaultSite, _: float) -> str:
    """Removed and added under the same name and number, under the same name and another number, then the reverse."""
    ovs = site.fabric.ovs
    with _plugged(site, VM4):
        site.put(PORT, body(VM4))
        until(lambda: _state(site) == "active", "active")
        assert site.opens("ext", "vm4", 22)
        for number in (VM4.ofport, 25):
            ovs.del_port("br0", VM4.interface)
            until(lambda: _state(site) != "active", "the removal is noticed")
            ovs.add_port("br0", VM4.interface, number)
            took = until(lambda number=number: _where(site) == ("active", number), "active again")
            assert site.opens("ext", "vm4", 22)
            assert not site.opens("ext", "vm4", 80, 0.3)
    until(lambda: _state(site) != "active", "the removal is noticed")
    other = replace(VM4, interface="other0", ofport=25)
    with _plugged(site, other):
        stranger = ("vm4", frames.udp(VM4, labs.SEED.host("ext"), name="from an unregistered interface"))
        reaching = ("ext", frames.tcp_segment(labs.SEED.host("ext"), VM4, 40009, 22, seq=1, flags="S"))
        probing = Probing(site.fabric, (stranger, reaching), site.control)
        time.sleep(1)
        sent, leaked, _ = probing.close()
        assert not leaked, f"an interface that nobody registered: {leaked}"
        assert sent
    site.controller.delete(f"{PORT}?wait=10s")
    return f"active again {took:.2f} s later; the same number under another name gets and sends nothing"


@contextlib.contextmanager
def _plugged(site: FaultSite, host: labs.Host) -> Iterator[None]:
    site.fabric.attach(host)
    try:
        yield
    finally:
        site.fabric.detach(host.name)


def _state(site: FaultSite) -> str:
    return _where(site)[0]


def _where(site: FaultSite) -> tuple[str, int | None]:
    status = site.controller.get(PORT)["status"]
    return status["state"], status["ofport"]


def _admitting(site: FaultSite, port: int) -> str:
    """The IPv4 flow of the table POLICY that admits this TCP port, as ovs-ofctl takes it."""
    wanted = re.compile(rf"table={POLICY},.*\btcp,.*tp_dst={port}\b")
    (found,) = (text for _, text in site.flows() if wanted.search(text))
    return found


def _flows_are(site: FaultSite, wanted: list[int]) -> bool:
    with contextlib.suppress(Exception):
        return site.cookies() == wanted
    return False


def _restart_database(site: FaultSite) -> None:
    ovs = site.fabric.ovs
    pid = ovs.pid("ovsdb-server")
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    until(lambda: not alive(pid), "ovsdb-server has ended")
    ovs.start_database()


CELLS = (
    Cell("vswitchd: kill -9 and restarted", vswitchd_killed, datapath_runs=False, keeps_connections=False),
    Cell("ovsdb-server: kill -9 and restarted", database_restarted, datapath_runs=False),
    Cell("bundle refused", refused),
    Cell("flow deleted by ovs-ofctl", deleted),
    Cell("flow altered by ovs-ofctl", altered),
    Cell("flow injected by ovs-ofctl", injected),
    Cell("interface removed and added", interface_again),
)
