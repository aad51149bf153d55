"""What is for a group or for everybody goes to the outside and to those whose policy admits it, and nowhere else."""

from __future__ import annotations

import pytest

from tests.switch.site import Site, rule
from topology import SEED, datapath, frames
from topology.frames import EVERYBODY, Frame
from topology.labs import Family, Host

pytestmark = pytest.mark.switch
EXT, VM1, VM2 = (SEED.host(name) for name in ("ext", "vm1", "vm2"))
GROUP: dict[Family, str] = {4: "224.0.0.251", 6: "ff02::fb"}
PORT = 5353
RED, BLUE = "/v1/tenants/red/groups/ssh/rules", "/v1/tenants/blue/groups/web/rules"


def _sent(site: Site, source: Host, dport: int = PORT) -> list[Frame]:
    """To a group, and to everybody; from its IPv4 address, or from both of its IPv6 addresses."""
    family = site.family
    to = (GROUP[family], EVERYBODY[family])
    return [frames.udp(source, source, family=family, to=group, dport=dport, name=group) for group in to]


def _allow(site: Site, rules: str, **more: object) -> None:
    site.put(f"{rules}/mdns", rule("ingress", "udp", PORT, family=site.family, **more))


def test_from_a_vm_it_leaves_by_the_uplink_and_reaches_the_vms_that_admit_it(dual):
    assert dual.reached("vm1", *_sent(dual, VM1)) == [{"ext"}] * 2
    _allow(dual, BLUE)
    assert dual.reached("vm1", *_sent(dual, VM1)) == [{"ext", "vm2"}] * 2
    assert dual.reached("vm1", *_sent(dual, VM1, PORT + 1)) == [{"ext"}] * 2


def test_from_outside_it_reaches_the_vms_that_admit_it(dual):
    assert dual.leaks("ext", *_sent(dual, EXT)) == []
    _allow(dual, BLUE)
    assert dual.reached("ext", *_sent(dual, EXT)) == [{"vm2"}] * 2
    _allow(dual, RED, remote_cidr="192.168.0.254/32" if dual.family == 4 else "fd00::fe/128")
    assert dual.reached("ext", *_sent(dual, EXT)) == [{"vm1", "vm2"}] * 2
    assert dual.reached("vm2", *_sent(dual, VM2)) == [{"ext"}] * 2
    dual.delete(f"{BLUE}/mdns")
    assert dual.reached("ext", *_sent(dual, EXT)) == [{"vm1"}] * 2


def test_a_vm_whose_egress_rules_do_not_allow_it_sends_to_no_group(dual):
    _allow(dual, BLUE)
    dual.patch("/v1/tenants/red/ports/vm1", {"egress": "rules"})
    assert dual.leaks("vm1", *_sent(dual, VM1)) == []
    dual.put(f"{RED}/out", rule("egress", "udp", PORT, family=dual.family))
    assert dual.reached("vm1", *_sent(dual, VM1)) == [{"ext", "vm2"}] * 2
    assert dual.leaks("vm1", *_sent(dual, VM1, PORT + 1)) == []


def test_a_forged_source_reaches_no_group(dual):
    _allow(dual, BLUE)
    stranger = "192.168.0.99" if dual.family == 4 else "fd00::99"
    group = GROUP[dual.family]
    forged = (
        frames.udp(VM1, VM1, family=dual.family, to=group, address=stranger, dport=PORT),
        frames.udp(VM1, VM1, family=dual.family, to=group, address=VM2.ip(dual.family), dport=PORT),
        frames.udp(VM1, VM1, family=dual.family, to=group, mac=VM2.mac, dport=PORT),
    )
    assert dual.leaks("vm1", *forged) == []


def test_it_is_not_tracked_and_the_answer_to_it_needs_a_rule(dual):
    _allow(dual, BLUE)
    dual.reached("vm1", *_sent(dual, VM1))
    dual.reached("ext", *_sent(dual, EXT))
    assert [entry for entry in datapath.connections(dual.fabric.ovs) if entry.protocol == "udp"] == []
    answer = frames.udp(EXT, VM1, family=dual.family, sport=PORT, dport=40000)
    assert dual.leaks("ext", answer) == []


def test_a_unicast_address_behind_a_group_mac_and_a_group_behind_a_unicast_mac_open_nothing(dual):
    """The firewall looks at the frame's destination; what the address says does not widen it."""
    family = dual.family
    unicast = frames.udp(EXT, VM2, family=family, dport=80)
    group_mac = frames.group_mac(GROUP[family])
    behind = Frame(
        "unicast address behind a group MAC",
        bytes.fromhex(group_mac.replace(":", "")) + unicast.raw[6:],
        unicast.marker,
    )
    grouped = frames.udp(EXT, EXT, family=family, to=GROUP[family], dport=PORT)
    onto = Frame("group behind vm2's MAC", bytes.fromhex(VM2.mac.replace(":", "")) + grouped.raw[6:], grouped.marker)
    assert dual.leaks("ext", behind, onto) == []


def test_a_port_that_is_off_hears_and_says_nothing_to_groups(dual):
    _allow(dual, BLUE)
    dual.patch("/v1/tenants/blue/ports/vm2", {"enabled": False})
    assert dual.reached("vm1", *_sent(dual, VM1)) == [{"ext"}] * 2
    assert dual.leaks("vm2", *_sent(dual, VM2)) == []
