"""What a datapath's own flows say that it drops."""

from __future__ import annotations

from app.core.drop_samples import Sample, Sampler

CHILD = (
    "ct_state(+new-est-rel-rpl-inv+trk),ct_label(0/0xffff),ct_tuple4(proto=6,tp_dst=8080/0xf000),recirc_id(0x4),"
    "in_port(ext),packet_type(ns=0,id=0),eth_type(0x0800),ipv4(proto=6,frag=no), packets:{}, bytes:0, used:0.1s, "
    "flags:S., actions:drop"
)
PARENT = (
    "ct_state(-trk),recirc_id(0),in_port(ext),packet_type(ns=0,id=0),eth(src=52:54:00:e0:00:fe,dst=52:54:00:60:84:ff),"
    "eth_type(0x8100),vlan(vid=5,pcp=0),encap(eth_type(0x0800),ipv4(frag=no)), packets:9, bytes:0, used:never, "
    "actions:ct(zone=1),recirc(0x4)"
)
DIRECT = (
    "recirc_id(0),in_port(vm1),eth(src=52:54:00:00:00:01/ff:ff:ff:00:00:00), packets:{}, bytes:0, used:never, "
    "actions:drop"
)


def test_a_drop_after_conntrack_is_told_with_what_was_seen_before_it() -> None:
    assert Sampler().look(["flow-dump from the main thread:", CHILD.format(3), PARENT]) == [
        Sample(
            "ext", 3,
            "in_port(ext),eth(src=52:54:00:e0:00:fe,dst=52:54:00:60:84:ff),eth_type(0x0800),vlan(vid=5,pcp=0),"
            "encap(eth_type(0x0800),ipv4(frag=no)),ct_tuple4(proto=6,tp_dst=8080/0xf000),ipv4(proto=6,frag=no)",
            "52:54:00:e0:00:fe", "52:54:00:60:84:ff", 5,
        )
    ]  # fmt: skip


def test_only_what_is_new_since_the_last_look_counts() -> None:
    sampler = Sampler()
    looks = [sampler.look([DIRECT.format(n)] if n is not None else []) for n in (0, 4, 6, 6, 1, None, 2)]
    assert [[each.packets for each in look] for look in looks] == [[], [4], [2], [], [1], [], [2]]
    assert sampler.look([DIRECT.format(9)])[0].eth_src is None, "a masked MAC is nobody's"


def test_what_cannot_be_read_and_flows_that_lead_in_a_circle_do_no_harm() -> None:
    circle = CHILD.format(2).replace("actions:drop", "actions:recirc(0x4)")
    assert Sampler().look(["", "nonsense(", circle, "x, packets:y, bytes:0, used:never, actions:drop"]) == []
    assert [each.packets for each in Sampler().look([CHILD.format(2), circle])] == [2]
