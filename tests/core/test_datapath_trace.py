"""What is asked of `ofproto/trace`, and what its answer says."""

from __future__ import annotations

from dataclasses import replace

import pytest

from app.core import datapath_trace
from app.core.datapath_trace import Told
from app.core.flow import flow
from app.core.packets import FiveTuple, fields_of
from app.core.pipeline import CtState, Table
from app.core.sections import Section, Seen

ONE, TWO = flow(Table.GUARD, 700, in_port=2), flow(Table.SOURCE, 700)
FIVE = FiveTuple(4, 6, 0x0A000001, 0x0A000002, 40000, 22)
PACKET = {"in_port": 2, "eth_src": 1, "eth_dst": 2, "nw_ttl": 64, **fields_of(FIVE)}
KNOWN = CtState.TRACKED | CtState.ESTABLISHED
ANSWER = f"""Flow: tcp,in_port=2

bridge("br0")
-------------
 0. in_port=2, priority 700, cookie {ONE.cookie:#x}
    goto_table:30

Final flow: unchanged
Datapath actions: ct(zone=1),recirc(0x5)

===============================================================================
recirc(0x5) - resume conntrack with ct_state=est|trk
===============================================================================

    thaw
        Resuming from table 30
30. priority 700, cookie {TWO.cookie:#x}
    resubmit(,60)
    60. No match.
            drop

Final flow: unchanged
Datapath actions: push_vlan(vid=5,pcp=0),3,pop_vlan,clone(meter(7),4),ct(commit,zone=2,label=0x1/0x1),recirc(0x6)
"""


def seen(table: int, zone: int = 1, state: int = KNOWN, label: int = 0) -> Seen:
    return Seen(zone, table, state, label, 0, FIVE)


def way(*then: Section) -> Section:
    return Section(None, [ONE], [], list(then))


def test_an_answer_is_read_by_sections_with_the_ports_that_are_put_out() -> None:
    first, second = datapath_trace.parse(ANSWER)
    assert first == Told(((0, 700, ONE.cookie),), ())
    assert second == Told(((30, 700, TWO.cookie),), (3, 4))


def test_conntrack_s_words_are_brought_along() -> None:
    asked = datapath_trace.ask(PACKET, way(Section(seen(Table.SOURCE, label=7), [TWO])))
    assert asked.flow == (
        "in_port=2,dl_src=00:00:00:00:00:01,dl_dst=00:00:00:00:00:02,dl_type=0x800,nw_src=10.0.0.1,nw_dst=10.0.0.2,"
        "nw_proto=6,nw_ttl=64,tcp_src=40000,tcp_dst=22,ct_state=new,ct_label=0x7,ct_mark=0,ct_nw_src=10.0.0.1,"
        "ct_nw_dst=10.0.0.2,ct_nw_proto=6,ct_tp_src=40000,ct_tp_dst=22"
    )
    assert asked.arguments[1:] == ("--ct-next", "est,trk")
    assert asked.all


def test_the_halves_of_two_zones_labels_are_put_together() -> None:
    """The sender's half is the first zone's, the receiver's the second zone's."""
    target = Section(seen(Table.TARGET, 2, label=8 << 32 | 99), [TWO])
    asked = datapath_trace.ask(PACKET, way(Section(seen(Table.SOURCE, 1, label=7), [TWO], [], [target])))
    assert f"ct_label={8 << 32 | 7:#x}," in asked.flow
    assert asked.all


def test_what_one_packet_cannot_bring_along_is_not_compared() -> None:
    target = Section(replace(seen(Table.TARGET, 2), mark=1), [TWO])
    asked = datapath_trace.ask(PACKET, way(Section(seen(Table.SOURCE), [TWO], [], [target])))
    assert (len(asked.sections), asked.states, asked.all) == (2, ("est,trk",), False)
    two_passes = way(Section(seen(Table.TARGET, 1), [TWO]), Section(seen(Table.TARGET, 2), [TWO]))
    assert len(datapath_trace.ask(PACKET, two_passes).sections) == 2
    held = way(Section(path=None))
    assert len(datapath_trace.ask(PACKET, held).sections) == 1


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ((f"cookie {TWO.cookie:#x}", "cookie 0x1"), "the model meets SOURCE priority 700"),
        ((f"30. priority 700, cookie {TWO.cookie:#x}", "30. No match."), "only the model goes on to SOURCE"),
        (("    60. No match.", "    60. priority 9, cookie 0x2"), "only the switch goes on to POLICY priority 9"),
        ((",3,", ","), "the model puts it out at [12, 13], the switch at [13]"),
        (("\nrecirc(0x5)", "\nnothing"), "conntrack gives the packet back 0 times, not 1 times"),
    ],
)
def test_every_difference_is_told(change: tuple[str, str], said: str) -> None:
    asked = datapath_trace.ask(PACKET, way(Section(seen(Table.SOURCE), [TWO], [12, 13, 77])))
    ofports = {3: 12, 4: 13}
    assert list(datapath_trace.differences(asked, datapath_trace.parse(ANSWER), ofports)) == []
    other = datapath_trace.parse(ANSWER.replace(*change))
    assert any(said in each for each in datapath_trace.differences(asked, other, ofports))


def test_the_datapath_s_numbers_of_a_bridge_s_ports_are_found() -> None:
    text = """netdev@ovs-netdev: hit:0 missed:0
  br0:
    br0 65534/1: (tap)
    odd name 2/7: (system)
    p 3/none: (patch: peer=q)
  br1:
    r 4/9: (system)
"""
    assert datapath_trace.datapath_ports(text, "br0") == {1: 0xFFFFFFFE, 7: 2}
    assert datapath_trace.datapath_ports(text, "br1") == {9: 4}
