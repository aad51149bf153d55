"""Who hears what: a frame reaches the owner of its address, an announcement the registered ports, nothing the rest."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.switch.neighbours import announcement, answer, probe, question
from tests.switch.site import port
from topology import SEED, dhcp, frames, nd
from topology.frames import BROADCAST
from topology.labs import Family, Host

pytestmark = pytest.mark.switch
NOBODY: set[str] = set()
EXT, VM1, VM2 = (SEED.host(name) for name in ("ext", "vm1", "vm2"))
STRAY = Host("stray", "52:54:00:55:55:55", "192.168.0.55", tenant="green", address6="fd00::55")
NOT_THERE: dict[Family, str] = {4: "192.168.0.99", 6: "fd00::99"}


# -- a port that nobody registered


@pytest.fixture
def stray(dual) -> Iterator[str]:
    dual.fabric.attach(STRAY)
    yield STRAY.name
    dual.fabric.detach(STRAY.name)


def test_an_unregistered_port_reaches_nobody(dual, stray):
    family = dual.family
    sent = [
        frames.udp(STRAY, EXT, family=family, broadcast=True),
        announcement(family, STRAY),
        dhcp.asks(STRAY, family),
    ]
    sent += [nd.router_advertisement(STRAY), nd.report(STRAY), frames.rarp(STRAY)]
    for target in (EXT, VM1, VM2):
        sent.append(frames.udp(STRAY, target, family=family, dport=80))
        sent.append(frames.udp(STRAY, target, family=family, mac=VM2.mac, address=VM2.ip(family)))
        sent.append(question(family, STRAY, target.ip(family)))
    assert dual.leaks(stray, *sent) == []


def test_an_unregistered_port_hears_nothing(dual, stray):
    family = dual.family
    from_outside = (
        frames.udp(EXT, STRAY, family=family),
        frames.udp(EXT, STRAY, family=family, broadcast=True),
        question(family, EXT, STRAY.ip(family)),
        announcement(family, EXT),
        dhcp.answers(EXT, None, client=VM1),
        nd.router_advertisement(EXT),
    )
    assert [stray in who for who in dual.reached("ext", *from_outside)] == [False] * 6
    from_a_vm = (frames.udp(VM1, STRAY, family=family), question(family, VM1, STRAY.ip(family)))
    assert dual.reached("vm1", *from_a_vm) == [{"ext"}] * 2
    assert dual.reached("vm1", announcement(family, VM1)) == [{"ext", "vm2"}]


def test_unknown_unicast_from_outside_reaches_nobody(dual):
    nowhere = Host("nowhere", "52:54:00:77:77:77", NOT_THERE[4], address6=NOT_THERE[6])
    assert dual.leaks("ext", frames.udp(EXT, nowhere, family=dual.family)) == []
    assert dual.reached("vm1", frames.udp(VM1, nowhere, family=dual.family)) == [{"ext"}]


def test_nothing_is_forwarded_by_learning(dual):
    assert [flow.text for flow in dual.flows() if "normal" in flow.actions.lower()] == []


# -- ARP and neighbour discovery


@pytest.mark.parametrize(("asker", "owner"), [("ext", "vm1"), ("ext", "vm2"), ("vm1", "vm2"), ("vm2", "vm1")])
def test_a_question_reaches_the_owner_only(dual, asker, owner):
    asked = question(dual.family, SEED.host(asker), SEED.host(owner).ip(dual.family))
    assert dual.reached(asker, asked) == [{owner}]


def test_a_question_for_a_link_local_address_reaches_its_owner_only(site):
    asked = nd.solicitation(EXT, VM1.link_local), nd.solicitation(EXT, VM2.link_local)
    assert site.reached("ext", *asked) == [{"vm1"}, {"vm2"}]


def test_a_question_for_an_address_that_is_not_local_leaves_by_the_uplink_only(dual):
    asked = NOT_THERE[dual.family]
    assert dual.reached("vm1", question(dual.family, VM1, asked)) == [{"ext"}]
    assert dual.reached("ext", question(dual.family, EXT, asked)) == [NOBODY]


def test_an_answer_reaches_whom_it_is_addressed_to(dual):
    assert dual.reached("vm1", answer(dual.family, VM1, VM2)) == [{"vm2"}]
    assert dual.reached("ext", answer(dual.family, EXT, VM2)) == [{"vm2"}]


def test_an_announcement_from_outside_reaches_every_vm(dual):
    assert dual.reached("ext", announcement(dual.family, EXT)) == [{"vm1", "vm2"}]


def test_an_arp_reply_to_everybody_is_an_announcement(site):
    everybody = Host("everybody", BROADCAST, EXT.address)
    assert site.reached("ext", frames.arp(EXT, EXT.address, reply_to=everybody)) == [{"vm1", "vm2"}]


def test_an_announcement_of_a_vm_reaches_the_outside_and_every_other_vm(dual):
    assert dual.reached("vm1", announcement(dual.family, VM1)) == [{"ext", "vm2"}]


def test_a_vm_that_asks_whether_its_own_address_is_taken_asks_the_outside_only(dual):
    assert dual.reached("vm1", probe(dual.family, VM1, VM1.ip(dual.family))) == [{"ext"}]


# -- DHCP, before the VM has an address


@pytest.mark.parametrize("addresses", [[], [VM1.address]], ids=["none registered", "one registered"])
def test_dhcp_works_before_the_vm_has_an_address(dual, addresses):
    family = dual.family
    dual.put("/v1/tenants/red/ports/vm1", port(VM1, addresses=addresses))
    assert dual.reached("vm1", dhcp.asks(VM1, family)) == [{"ext"}]
    assert dual.reached("ext", dhcp.answers(EXT, VM1, family)) == [{"vm1"}]
    if family == 4:
        assert dual.reached("ext", dhcp.answers(EXT, None, client=VM1)) == [{"vm1", "vm2"}]


def test_a_vm_is_no_dhcp_server_to_others(dual):
    answers = (dhcp.answers(VM1, VM2, dual.family), dhcp.answers(VM1, None, dual.family, client=VM2))
    assert dual.leaks("vm1", *answers) == []


def test_a_dhcp_message_under_another_mac_reaches_nobody(dual):
    assert dual.reached("vm1", dhcp.asks(VM1, dual.family, mac=VM2.mac)) == [NOBODY]
