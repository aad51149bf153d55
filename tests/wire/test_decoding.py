"""What a real Open vSwitch says of each flow that we make is that flow again; and what it says of others is none."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from itertools import product
from struct import Struct

import pytest

from app.core.audit import Held
from app.core.dialogue import Push
from app.core.flow import Flow, flow, goto, output
from app.core.limits import Rate
from app.core.values import AddressGroup, Group, Port, Rule
from app.openflow.connection import Connection
from app.openflow.decoding import decoder
from app.openflow.inspection import held, matches_fragments, push, survey
from app.openflow.replies import Malformed
from app.openflow.switch_io import match_fragments
from app.openflow.templates import templates
from tests.model import small_world as small
from tests.model.full_house import full_house
from tests.wire.samples import samples
from topology.switch import OpenVSwitch

REMOTES = ({}, {"remote_cidr": 1}, {"remote_group": "b"}, {"remote_address_group": "x"})


def read(datapath: Connection) -> dict[int, Held]:
    return {each.cookie: each for some in held(datapath) for each in some}


def every_rule() -> tuple[Rule, ...]:
    """Each way in which a rule can be said."""
    rules = []
    for family, way, stateful, remote in product(("IPv4", "IPv6"), ("ingress", "egress"), (True, False), REMOTES):
        about = remote | ({"remote_cidr": small.CIDRS[family][2]} if "remote_cidr" in remote else {})
        for protocol in dict.fromkeys(small.PROTOCOLS[family]):
            for low, kind in zip(
                (None, (22, 22), (20, 24), (0, 65535)), small.ICMP_KINDS.get(protocol, ()) or [()] * 4, strict=False
            ):
                ports = low if protocol in (6, 17, 132) else None
                source = (23, 80) if ports == (22, 22) else None
                kinds = kind if kind else (None, None)
                rules.append(Rule(f"r{len(rules)}", way, family, protocol, ports, *kinds, source_ports=source,
                                  stateful=stateful, **about))  # fmt: skip
    return tuple(rules)


def everything() -> tuple[dict[int, Flow], dict[int, Rate]]:
    """The flows and meters of a switch with a port of every kind, under every rule, in both families."""
    world = full_house()
    world.put(AddressGroup("red", "x", cidrs=("10.9.0.0/16", "fd09::/64")))
    world.put(Group("red", "b", rules=every_rule()))
    for name, egress in (("p1", "any"), ("p3", "rules")):
        port = world.inventory.port(("red", name))
        assert isinstance(port, Port)
        world.put(replace(port, groups=("a", "b"), egress=egress))
    world.follow()
    return dict(world.program.wanted), dict(world.program.meters)


@pytest.mark.switch
def test_everything_that_is_installed_reads_back_as_it_is_wanted(ovs: OpenVSwitch, datapath: Connection) -> None:
    ovs.ofctl("del-meters")
    flows, meters = everything()
    assert len(flows) > 1500
    assert meters
    push(datapath, Push(flows, meters=meters))
    assert differences(read(datapath), flows) == {}
    assert survey(datapath).meters == meters


@pytest.mark.switch
def test_every_field_and_action_reads_back_as_it_is_meant(datapath: Connection) -> None:
    flows = {each.cookie: each for each in samples()}
    push(datapath, Push(flows))
    assert differences(read(datapath), {cookie: as_we_say(each) for cookie, each in flows.items()}) == {}


def as_we_say(flow: Flow) -> Flow:
    """Both bits of ip_frag are all that there are; our flows name them."""
    match = (
        (name, value, 0b11) if name == "ip_frag" and mask == 0xFF else (name, value, mask)
        for name, value, mask in flow.match
    )
    return flow._replace(match=tuple(match))


def differences(there: Mapping[int, Held], wanted: Mapping[int, Flow]) -> dict[int, tuple[Flow | None, Held | None]]:
    cookies = there.keys() | wanted.keys()
    pairs = {cookie: (wanted.get(cookie), there.get(cookie)) for cookie in cookies}
    return {cookie: (want, has) for cookie, (want, has) in pairs.items() if has is None or has.flow != want}


@pytest.mark.switch
@pytest.mark.parametrize(
    "text",
    [
        "table=3,priority=7,actions=NORMAL",
        "table=3,priority=7,actions=CONTROLLER:65535,output:2",
        "table=3,priority=7,idle_timeout=600,actions=output:2",
        "table=3,priority=7,hard_timeout=600,actions=output:2",
        "table=3,priority=7,send_flow_rem,actions=output:2",
        "table=3,priority=7,actions=write_actions(output:2)",
        "table=3,priority=7,actions=write_metadata:1,goto_table:5",
        "table=3,priority=7,ip,actions=dec_ttl,output:2",
        "table=3,priority=7,ip,actions=ct(table=5,zone=7)",
        "table=3,priority=7,ip,actions=ct(commit,force,zone=NXM_NX_REG5[0..15])",
        "table=3,priority=7,ip,actions=ct(commit,nat(src=10.0.0.1),zone=NXM_NX_REG5[0..15])",
        "table=3,priority=7,actions=load:0x1->NXM_NX_REG1[0..3]",
        "table=3,priority=7,actions=learn(table=4,in_port=1),output:2",
        "table=3,priority=7,actions=resubmit(1,5)",
        "table=3,priority=7,actions=push_vlan:0x88a8,output:2",
        "table=3,priority=7,tun_id=5,actions=output:2",
        "table=3,priority=7,xreg0=5,actions=output:2",
    ],
)
def test_what_none_of_ours_says_is_none_of_ours(ovs: OpenVSwitch, datapath: Connection, text: str) -> None:
    ours = flow(3, 7, output(2))
    ovs.ofctl("add-flow", f"cookie={ours.cookie:#x},{text}")
    has = read(datapath)[ours.cookie]
    assert (has.table, has.priority) == (3, 7)
    assert has.flow != ours


@pytest.mark.switch
def test_a_switch_that_was_told_to_treat_fragments_otherwise_is_found_out(
    ovs: OpenVSwitch, datapath: Connection
) -> None:
    match_fragments(datapath)
    assert matches_fragments(datapath)
    ovs.ofctl("set-frags", "normal")
    assert not matches_fragments(datapath)
    push(datapath, Push({}, fragments=True))
    assert matches_fragments(datapath)


# -- without a switch

HEAD = Struct("!HBxIIHHHHH2xQQQ")
BODY = bytes.fromhex("0001000400000000")  # an empty match


def entry(length: int | None = None, body: bytes = BODY) -> bytes:
    size = HEAD.size + len(body) if length is None else length
    return HEAD.pack(size, 3, 1, 1, 7, 0, 0, 0, 0, 9, 5, 6) + body


def test_a_flow_without_instructions_drops() -> None:
    assert list(decoder(5).flows(memoryview(entry() * 2))) == 2 * [Held(9, 3, 7, flow(3, 7))]


@pytest.mark.parametrize(
    "reply",
    [entry()[:10], entry()[:-1], entry(0), entry(20), entry(200), entry(body=bytes.fromhex("0001ffff00000000")),
     entry(body=bytes.fromhex("0001000000000000")), entry() + b"\0"],
)  # fmt: skip
def test_lengths_that_do_not_add_up_are_malformed(reply: bytes) -> None:
    with pytest.raises(Malformed):
        list(decoder(5).flows(memoryview(reply)))


@pytest.mark.parametrize(
    "body",
    [
        "0001000880000204 0000000000000000",  # a field that breaks off
        "0001000400000000 0004000800000000 00",  # an odd byte behind the instructions
        "0001000400000000 0004001000000000 0000000000000000",  # an action without a length
        "0001000400000000 0001000000000000",  # an instruction without one
        "0001000400000000 0003000800000000",  # an instruction of another kind
    ],
)
def test_what_cannot_be_read_within_a_flow_is_none_of_ours(body: str) -> None:
    (found,) = decoder(5).flows(memoryview(entry(body=bytes.fromhex(body))))
    assert found == Held(9, 3, 7, None)


def test_a_flow_is_read_from_the_bytes_that_it_is_written_in() -> None:
    wanted = flow(3, 7, goto(5), in_port=3, ct_label=(5, 0xFF), metadata=(1, 3))
    for version in (4, 5):
        body = templates(version).add(1, 2, wanted)[48:]
        assert [each.flow for each in decoder(version).flows(memoryview(entry(body=body)))] == [wanted]
