"""Allowed address pairs: a shared virtual address moves between two VMs, and the traffic follows (VRRP, RFC 9568)."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from tests.switch.conftest import DUAL
from tests.switch.neighbours import announcement, question
from tests.switch.site import Site, eventually, rule
from topology import SEED, frames, nd
from topology.labs import Family, Host, Probe
from topology.listeners import Listener
from topology.namespaces import INET
from topology.probes import send

pytestmark = pytest.mark.switch
EXT, VM1, VM2 = (SEED.host(name) for name in ("ext", "vm1", "vm2"))
SECOND = Host("vm3", "52:54:00:33:33:33", "192.168.0.3", tenant="red", groups=("ssh",), ofport=4, address6="fd00::3")
VIP: dict[Family, str] = {4: "192.168.0.100", 6: "fd00::100"}
VIRTUAL_MAC = "00:00:5e:00:01:0a"  # VRRP's for router 10
TENANT = "/v1/tenants/red"


@pytest.fixture(params=[None, VIRTUAL_MAC], ids=["own MACs", "virtual MAC"])
def shared(running: Site, request: pytest.FixtureRequest) -> Iterator[Site]:
    """vm1 and vm3 of one tenant may both have the VIP, under their own MACs or under the shared one."""
    running.reset(DUAL)
    running.fabric.attach(SECOND)
    pairs = [{"address": address} | ({"mac": request.param} if request.param else {}) for address in VIP.values()]
    running.register(SECOND, addresses=[SECOND.address, SECOND.ip(6)], allowed_address_pairs=pairs)
    running.put(f"{TENANT}/groups/ssh", {"rules": _rules()})
    running.patch(f"{TENANT}/ports/vm1", {"allowed_address_pairs": pairs})
    yield running
    running.end_streams()
    running.fabric.detach(SECOND.name)


def _rules() -> list[dict]:
    return [rule("ingress", "tcp", 22, family=family) | {"key": f"ssh{family}"} for family in (4, 6)]


@pytest.fixture(params=[4, 6], ids=["IPv4", "IPv6"])
def family(request: pytest.FixtureRequest) -> Family:
    return request.param


def _virtual(host: Host, mac: str | None) -> Host:
    """The host in its role as master."""
    return Host(host.name, mac or host.mac, VIP[4], address6=VIP[6])


class Machine:
    """A VM that can become the master of the VIP and give it up."""

    def __init__(self, site: Site, host: Host, mac: str | None, family: Family) -> None:
        self.site, self.host, self.mac, self.family = site, host, mac, family
        self.namespace = site.fabric.host(host.name)

    def __enter__(self) -> Machine:
        """Become master: take the VIP (and the virtual MAC) and say so."""
        self._run("ip", "link", "set", "eth0", "address", self.mac or self.host.mac)
        nodad = ["nodad"] if self.family == 6 else []
        prefix = 32 if self.family == 4 else 128
        self._run("ip", "address", "replace", f"{VIP[self.family]}/{prefix}", "dev", "eth0", *nodad)
        self._listener = Listener(self.namespace, [Probe("tcp", 22)], self.family)
        send(self.namespace, announcement(self.family, _virtual(self.host, self.mac)))
        return self

    def __exit__(self, *_: object) -> None:
        self._listener.close()
        self._run("ip", "address", "flush", "to", VIP[self.family], "dev", "eth0")
        self._run("ip", "link", "set", "eth0", "address", self.host.mac)
        if self.family == 6:  # setting the address of a link took nothing away, but be sure
            self._run("ip", "address", "replace", f"{self.host.ip(6)}/64", "dev", "eth0", "nodad")

    def _run(self, *command: str) -> None:
        self.namespace.run(list(command))


def _served(site: Site, family: Family, source: str = "ext", seconds: float = 3.0) -> float | None:
    """Seconds until the VIP answers again, None if it does not."""
    begin = time.monotonic()
    while time.monotonic() < begin + seconds:
        with site.fabric.host(source).socket(INET[family]) as client:
            client.settimeout(0.3)
            try:
                client.connect((VIP[family], 22))
                client.send(b"?")
                if client.recv(1) == b"?":
                    return time.monotonic() - begin
            except OSError:
                pass
    return None


@pytest.fixture
def mac(request: pytest.FixtureRequest) -> str | None:
    """The virtual MAC that `shared` was made with."""
    return request.node.callspec.params["shared"]


@pytest.mark.parametrize("source", ["ext", "vm2"])
def test_the_virtual_address_moves_and_the_traffic_follows(shared, mac, family, source):
    with Machine(shared, VM1, mac, family):
        assert _served(shared, family, source) is not None
    with Machine(shared, SECOND, mac, family):
        seconds = _served(shared, family, source)
        assert seconds is not None
        print(f"\nIPv{family}, {source}: followed {seconds:.2f} s after the announcement")
    with Machine(shared, VM1, mac, family):
        assert _served(shared, family, source) is not None


def test_the_announcement_reaches_the_outside_and_every_other_vm(shared, mac, family):
    for host, others in ((VM1, {"vm3"}), (SECOND, {"vm1"})):
        sent = announcement(family, _virtual(host, mac))
        assert shared.reached(host.name, sent) == [{"ext", "vm2"} | others]


def test_a_question_for_the_virtual_address_reaches_its_holders_and_the_outside(shared, mac, family):
    asked = {host.name: question(family, host, VIP[family]) for host in (EXT, VM1, VM2)}
    assert shared.reached("ext", asked["ext"]) == [{"vm1", "vm3"}]
    assert shared.reached("vm2", asked["vm2"]) == [{"vm1", "vm3", "ext"}]
    assert shared.reached("vm1", asked["vm1"]) == [{"vm3", "ext"}]


def test_the_pair_goes_and_the_port_may_not_use_it_any_more(shared, mac, family):
    sender = _virtual(VM1, mac)
    sent = (frames.udp(sender, EXT, family=family), announcement(family, sender))
    assert [bool(who) for who in shared.reached("vm1", *sent)] == [True, True]
    shared.patch(f"{TENANT}/ports/vm1", {"allowed_address_pairs": []})
    assert shared.leaks("vm1", *sent) == []
    assert [bool(who) for who in shared.reached("vm3", frames.udp(_virtual(SECOND, mac), EXT, family=family))]


def test_each_address_goes_with_its_own_mac(shared, mac, family):
    """With a pair's MAC only the pair's addresses, with the own MAC only the own ones."""
    if mac is None:
        other = frames.udp(VM1, EXT, family=family, mac=VIRTUAL_MAC, address=VIP[family])
        assert shared.leaks("vm1", other) == []
        return
    crossed = (
        frames.udp(VM1, EXT, family=family, mac=VIRTUAL_MAC),
        frames.udp(VM1, EXT, family=family, address=VIP[family]),
        frames.arp(VM1, EXT.address, mac=VIRTUAL_MAC, sha=VIRTUAL_MAC),
        nd.advertisement(VM1, VIP[6]),
    )
    assert shared.leaks("vm1", *crossed) == []


def test_only_whom_the_rules_admit_reaches_the_virtual_address(shared, mac, family):
    master = _virtual(VM1, mac)
    holders = {"vm1", "vm3"} if mac else {"vm1"}
    admitted = frames.tcp_segment(EXT, master, 1025, 22, seq=1, flags="S", family=family)
    refused = frames.tcp_segment(EXT, master, 1025, 23, seq=1, flags="S", family=family)
    assert eventually(lambda: shared.reached("ext", admitted, refused) == [holders, set()], 3)


def test_a_network_as_a_pair_lets_a_vm_use_all_of_it(site):
    site.patch(f"{TENANT}/ports/vm1", {"allowed_address_pairs": [{"address": "10.5.0.0/16"}, {"address": "fd05::/32"}]})
    inside = [frames.udp(VM1, EXT, family=frames.family_of(a), address=a) for a in ("10.5.7.7", "fd05::7")]
    outside = [frames.udp(VM1, EXT, family=frames.family_of(a), address=a) for a in ("10.6.0.1", "fd06::1")]
    assert site.reached("vm1", *inside) == [{"ext"}] * 2
    assert site.leaks("vm1", *outside) == []
    assert site.reached("ext", frames.arp(EXT, "10.5.1.1"), nd.solicitation(EXT, "fd05::9")) == [{"vm1"}] * 2
    assert site.reached("vm1", frames.arp(VM1, EXT.address, spa="10.5.1.1")) == [{"ext"}]


def test_everything_as_a_pair_lets_a_vm_forward_and_announce_nothing(site):
    site.patch(f"{TENANT}/ports/vm1", {"allowed_address_pairs": [{"address": "0.0.0.0/0"}, {"address": "::/0"}]})
    foreign = [frames.udp(VM1, EXT, family=frames.family_of(a), address=a) for a in ("10.6.0.1", "fd06::1")]
    assert site.reached("vm1", *foreign) == [{"ext"}] * 2
    lies = (
        frames.arp_wrong_spa(VM1, EXT.address, VM2.address), nd.advertisement(VM1, VM2.ip(6)),
        nd.detection(VM1, "fd00::99"), nd.router_advertisement(VM1), frames.wrong_mac(VM1, EXT),
    )  # fmt: skip
    assert site.leaks("vm1", *lies) == []
    assert site.reached("ext", frames.arp(EXT, "10.6.0.1"), frames.arp(EXT, VM2.address)) == [set(), {"vm2"}]
