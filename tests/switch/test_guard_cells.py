"""Each cell of the guard table with real frames: what must not pass reaches nobody and is counted under its reason."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.switch import forgeries
from tests.switch.conftest import DUAL
from tests.switch.forgeries import EXT, LISTED, OTHERS, VM1, VM2
from tests.switch.site import Site, both, eventually, port, rule, running_site
from topology import SEED, dhcp, fragments, frames, nd
from topology.frames import BROADCAST, Frame

pytestmark = pytest.mark.switch
RED = "/v1/tenants/red/ports/vm1"
REASONS = ("mac", "ethertype", "arp", "ipv4", "ipv6", "nd", "mld", "dhcp")
POLICY_REASONS = ("egress", "ingress")


@pytest.fixture(scope="module")
def running(place: Path) -> Iterator[Site]:
    """Overrides the usual one: LLDP is on the list of ethertypes that pass."""
    with running_site(place, SEED, settings={"guard_ethertypes": f"{LISTED:#06x}"}) as site:
        yield site


@pytest.fixture
def guarded(running: Site) -> Iterator[Site]:
    """Both VMs under both families, and a policy that refuses nothing: silence comes from the guard alone."""
    running.reset(DUAL)
    _admit_everything(running)
    yield running
    running.end_streams()


def _admit_everything(site: Site) -> None:
    for path in ("red/groups/ssh", "blue/groups/web"):
        for family in (4, 6):
            body = {"direction": "ingress", "ethertype": f"IPv{family}"}
            site.put(f"/v1/tenants/{path}/rules/all{family}", body)


def counted(site: Site, work: Callable[[], object]) -> dict[str, int]:
    """What the guard of vm1 has dropped meanwhile, by reason."""
    before = site.drops(RED)
    work()
    seen: list[dict[str, int]] = []

    def steady() -> bool:
        now = site.drops(RED)
        seen.append({reason: now[reason] - before[reason] for reason in now if now[reason] != before[reason]})
        return len(seen) > 25 and seen[-1] == seen[-25]  # more than a second without a change

    eventually(steady, 6)
    return seen[-1]


@pytest.mark.parametrize("reason", REASONS)
def test_what_must_not_pass_reaches_nobody_and_is_counted(guarded, reason):
    forged = forgeries.BY_REASON[reason]
    leaks: list[object] = []
    told = counted(guarded, lambda: leaks.extend(guarded.leaks("vm1", *forged)))
    assert leaks == []
    assert told == {reason: len(forged)}


def test_honest_frames_arrive_and_are_not_counted(guarded):
    found: list[tuple[str, set[str]]] = []

    def work() -> None:
        sent = [frame for frame, _ in forgeries.HONEST]
        found.extend((f.name, who) for f, who in zip(sent, guarded.reached("vm1", *sent), strict=True))

    assert counted(guarded, work) == {}
    assert found == [(frame.name, who) for frame, who in forgeries.HONEST]


def test_a_port_has_a_counter_for_every_reason(guarded):
    assert set(guarded.drops(RED)) == {*REASONS, *POLICY_REASONS}


# -- what changes with the port's attributes


def test_a_dhcp_server_answers_under_its_own_addresses(guarded):
    answers = [dhcp.answers(VM1, VM2), dhcp.answers(VM1, VM2, 6), dhcp.answers(VM1, EXT), dhcp.answers(VM1, EXT, 6)]
    assert guarded.leaks("vm1", *answers) == []
    guarded.patch(RED, {"dhcp_server": True})
    assert guarded.reached("vm1", *answers) == [{"vm2"}, {"vm2"}, {"ext"}, {"ext"}]
    assert guarded.leaks("vm1", frames.wrong_address(VM1, EXT, VM2.address)) == []
    guarded.patch(RED, {"dhcp_server": False})
    assert guarded.leaks("vm1", *answers) == []


def test_no_rule_makes_a_port_a_dhcp_server(guarded):
    for family, low, stateful in ((4, 67, True), (6, 547, True), (4, 67, False), (6, 547, False)):
        kind = "ful" if stateful else "less"
        more = {"stateful": stateful, "source_port_min": low, "source_port_max": low}
        body = rule("egress", "udp", 0, 65535, family, **more)
        guarded.put(f"/v1/tenants/red/groups/ssh/rules/{kind}{family}", body)
    guarded.patch(RED, {"egress": "rules"})
    answers = [dhcp.answers(VM1, to, family) for to in (VM2, EXT) for family in (4, 6)]
    assert guarded.leaks("vm1", *answers, dhcp.answers(VM1, None, client=VM2)) == []


def test_without_the_spoof_guard_a_port_may_claim_anything_but_a_tag_an_odd_type_and_dhcp(guarded):
    guarded.patch(RED, {"spoof_guard": "off"})
    claims = (
        frames.wrong_mac(VM1, EXT), frames.wrong_mac(VM1, EXT, family=6), frames.wrong_address(VM1, EXT, "10.9.9.9"),
        frames.wrong_address(VM1, EXT, "fd00::99"), frames.arp_wrong_spa(VM1, EXT.address, "10.9.9.9"),
        nd.redirect(VM1, EXT), nd.router_advertisement(VM1, to=EXT),
    )  # fmt: skip
    found = [(frame.name, who) for frame, who in zip(claims, guarded.reached("vm1", *claims), strict=True)]
    assert found == [(frame.name, {"ext"}) for frame in claims]
    tagged = [frames.tagged(frames.udp(VM1, EXT, family=family), 7) for family in (4, 6)]
    odd = frames.unknown(VM1, EXT, 0x88B5)
    assert guarded.leaks("vm1", *tagged, odd, *forgeries.BY_REASON["dhcp"]) == []
    guarded.patch(RED, {"spoof_guard": "enforce"})
    assert guarded.leaks("vm1", *claims) == []


# -- from the uplink


INFRASTRUCTURE = (
    (nd.router_advertisement(EXT), {"vm1", "vm2"}),
    (nd.router_advertisement(EXT, to=VM1), {"vm1"}),
    (nd.redirect(EXT, VM1), {"vm1"}),
    (nd.query(EXT), {"vm1", "vm2"}),
    (nd.solicitation(EXT, VM1.ip(6)), {"vm1"}),
    (nd.solicitation(EXT, VM2.link_local), {"vm2"}),
    (nd.solicitation(EXT, VM1.ip(6), to=VM1.ip(6), to_mac=VM1.mac), {"vm1"}),
    (nd.detection(EXT, VM2.ip(6)), {"vm2"}),
    (nd.advertisement(EXT, EXT.ip(6), to=VM1), {"vm1"}),
    (nd.advertisement(EXT, EXT.ip(6)), {"vm1", "vm2"}),
    (frames.arp(EXT, VM1.address), {"vm1"}),
    (frames.arp(EXT, VM2.address, reply_to=VM2), {"vm2"}),
    (frames.arp(EXT, EXT.address), {"vm1", "vm2"}),
    (dhcp.answers(EXT, VM1), {"vm1"}),
    (dhcp.answers(EXT, None, client=VM1), {"vm1", "vm2"}),
    (dhcp.answers(EXT, VM1, 6), {"vm1"}),
    (frames.unknown(EXT, VM1, LISTED), {"vm1"}),
)
REFUSED = (
    nd.router_advertisement(EXT, hop_limit=64),
    nd.router_advertisement(EXT, code=1),
    nd.redirect(EXT, VM1, hop_limit=64),
    nd.solicitation(EXT, VM1.ip(6), hop_limit=64),
    nd.solicitation(EXT, VM1.ip(6), code=1),
    nd.advertisement(EXT, EXT.ip(6), hop_limit=64),
    nd.advertisement(EXT, EXT.ip(6), to=VM1, code=1),
    *forgeries.fragmented(nd.router_advertisement(EXT)),
    *forgeries.fragmented(nd.solicitation(EXT, VM1.ip(6))),
    frames.unknown(EXT, VM1, 0x88B5),
    frames.udp(EXT, VM2, mac=VM1.mac),
    frames.udp(EXT, VM2, mac=VM1.mac, family=6),
    frames.arp(EXT, VM2.address, mac=VM1.mac),
    nd.solicitation(EXT, VM2.ip(6), mac=VM1.mac),
    nd.router_advertisement(VM1),
    dhcp.answers(VM1, VM2),
    frames.rarp(VM1),
)


def test_infrastructure_from_the_uplink_needs_no_rule(running):
    running.reset(DUAL)
    for place, host in ((RED, VM1), ("/v1/tenants/blue/ports/vm2", VM2)):
        running.put(place, port(host, addresses=both(host), groups=[], egress="rules"))
    sent = [frame for frame, _ in INFRASTRUCTURE]
    found = running.reached("ext", *sent)
    assert [(frame.name, who) for frame, who in zip(sent, found, strict=True)] == [
        (f.name, w) for f, w in INFRASTRUCTURE
    ]


def test_malformed_infrastructure_and_local_macs_from_the_uplink_reach_nobody(guarded):
    assert guarded.leaks("ext", *REFUSED) == []


def test_a_vm_hears_no_dhcp_questions_of_others(guarded):
    """So that no answer of its can be part of a connection."""
    questions: list[Frame] = [dhcp.asks(EXT), dhcp.asks(EXT, 6), frames.udp(EXT, VM1, sport=68, dport=67)]
    questions.append(frames.udp(EXT, VM1, family=6, sport=546, dport=547))
    assert guarded.leaks("ext", *questions) == []
    assert guarded.reached("ext", frames.udp(EXT, VM1, sport=68, dport=69)) == [{"vm1"}]


def test_a_listed_ethertype_passes_both_ways_and_its_groups_leave_by_the_uplink_only(guarded):
    group = "01:80:c2:00:00:0e"
    assert guarded.reached("vm1", frames.unknown(VM1, VM2, LISTED), frames.unknown(VM1, EXT, LISTED, group)) == [
        {"vm2"},
        {"ext"},
    ]
    assert guarded.leaks("vm1", frames.unknown(VM1, EXT, OTHERS)) == []
    assert guarded.leaks("vm1", frames.unknown(VM1, EXT, OTHERS, BROADCAST)) == []


def test_fragments_are_guarded_like_whole_packets(guarded):
    """The first piece of a forged datagram, later ones, and one too small for its header."""
    cuts = ((0, 1400), (1400, 2800), (2800, 2808), (0, 8))
    forged: list[Frame] = []
    for family, claimed in ((4, VM2.address), (6, VM2.ip(6))):
        body = fragments.datagram(VM1, EXT, family)
        forged += fragments.pieces(VM1, EXT, body, cuts, family, address=claimed)
    leaks: list[object] = []
    told = counted(guarded, lambda: leaks.extend(guarded.leaks("vm1", *forged)))
    assert leaks == []
    assert told == {"ipv4": 4, "ipv6": 4}
