"""One flow for every field and every action there is, with how ovs-ofctl shows it."""

from __future__ import annotations

from app.core.flow import (
    FIELDS,
    FULL,
    Flow,
    ct,
    ct_clear,
    ct_commit,
    flow,
    goto,
    move,
    output,
    output_field,
    pop_vlan,
    push_vlan,
    resubmit,
    resubmit_ct,
    set_field,
)

IPV4, ARP, IPV6 = {"eth_type": 0x0800}, {"eth_type": 0x0806}, {"eth_type": 0x86DD}
ICMPV6 = IPV6 | {"ip_proto": 58}
SOLICITATION, ADVERTISEMENT = (ICMPV6 | {"icmpv6_type": kind, "icmpv6_code": 0} for kind in (135, 136))
PREREQUISITES = {
    "ip_proto": IPV4, "ip_frag": IPV4, "ipv4_src": IPV4, "ipv4_dst": IPV4,
    "tcp_src": IPV4 | {"ip_proto": 6}, "tcp_dst": IPV4 | {"ip_proto": 6},
    "udp_src": IPV4 | {"ip_proto": 17}, "udp_dst": IPV4 | {"ip_proto": 17},
    "sctp_src": IPV4 | {"ip_proto": 132}, "sctp_dst": IPV4 | {"ip_proto": 132},
    "icmpv4_type": IPV4 | {"ip_proto": 1}, "icmpv4_code": IPV4 | {"ip_proto": 1},
    "ipv6_src": IPV6, "ipv6_dst": IPV6, "nw_ttl": IPV6, "icmpv6_type": ICMPV6, "icmpv6_code": ICMPV6,
    "ipv6_nd_target": ADVERTISEMENT, "ipv6_nd_sll": SOLICITATION, "ipv6_nd_tll": ADVERTISEMENT,
    "arp_op": ARP, "arp_spa": ARP, "arp_tpa": ARP, "arp_sha": ARP, "arp_tha": ARP,
}  # fmt: skip
TRACKED = IPV4 | {"ct_state": (0x21, 0x21)}
EXACT_ONLY = {
    "in_port", "eth_type", "ip_proto", "ip_frag", "nw_ttl", "arp_op", "ct_zone",
    "icmpv4_type", "icmpv4_code", "icmpv6_type", "icmpv6_code",
}  # fmt: skip

ACTIONS = {
    (set_field("reg5", 7),): "set_field:0x7->reg5",
    (set_field("eth_dst", 0x0A0B0C0D0E0F),): "set_field:0a:0b:0c:0d:0e:0f->eth_dst",
    (set_field("ipv4_src", 0x0A000001),): "set_field:10.0.0.1->ip_src",
    (move("reg3", "reg4", 16),): "move:NXM_NX_REG3[0..15]->NXM_NX_REG4[0..15]",
    (move("reg3", "reg4", 8, 8, 16),): "move:NXM_NX_REG3[8..15]->NXM_NX_REG4[16..23]",
    (goto(60),): "goto_table:60",
    (set_field("reg0", 1), goto(60)): "set_field:0x1->reg0,goto_table:60",
    (resubmit(70),): "resubmit(,70)",
    (resubmit_ct(70),): "resubmit(,70,ct)",
    (ct("reg5", 20),): "ct(table=20,zone=NXM_NX_REG5[0..15])",
    (ct_commit("reg5"),): "ct(commit,zone=NXM_NX_REG5[0..15])",
    (ct_commit("reg5", move("reg1", "ct_label", 32, 0, 96)),): (
        "ct(commit,zone=NXM_NX_REG5[0..15],exec(move:NXM_NX_REG1[]->NXM_NX_CT_LABEL[96..127]))"
    ),
    (ct_clear(),): "ct_clear",
    (set_field("metadata", 1 << 40 | 7),): "set_field:0x10000000007->metadata",
    (push_vlan(), set_field("vlan_vid", 0x1005), output(2)): "push_vlan:0x8100,set_field:4101->vlan_vid,output:2",
    (push_vlan(), move("reg13", "vlan_vid", 12), output(2), pop_vlan(), output(3)): (
        "push_vlan:0x8100,move:NXM_NX_REG13[0..11]->OXM_OF_VLAN_VID[],output:2,pop_vlan,output:3"
    ),
    (move("vlan_vid", "reg13", 12),): "move:OXM_OF_VLAN_VID[]->NXM_NX_REG13[0..11]",
    (output(2),): "output:2",
    (output(0xFFFFFFF8),): "IN_PORT",
    (output_field("reg6"),): "output:NXM_NX_REG6[0..15]",
    (): "drop",
}


# How ovs-ofctl shows the value 1 of each field, and its three highest bits where it may be masked.
ONE_AND_HIGH = {
    "in_port": ("in_port=1", ""),
    "vlan_vid": ("vlan_tci=0x0001/0x1fff", "vlan_tci=0x1c00/0x1c00"),
    "eth_dst": ("dl_dst=00:00:00:00:00:01", "dl_dst=e0:00:00:00:00:00/e0:00:00:00:00:00"),
    "eth_src": ("dl_src=00:00:00:00:00:01", "dl_src=e0:00:00:00:00:00/e0:00:00:00:00:00"),
    "eth_type": ("dl_type=0x0001", ""),
    "ip_proto": ("icmp", ""),
    "ipv4_src": ("ip,nw_src=0.0.0.1", "ip,nw_src=224.0.0.0/3"),
    "ipv4_dst": ("ip,nw_dst=0.0.0.1", "ip,nw_dst=224.0.0.0/3"),
    **{
        f"{protocol}_{end}": (f"{protocol},tp_{end}=1", f"{protocol},tp_{end}=0xe000/0xe000")
        for protocol in ("tcp", "udp", "sctp")
        for end in ("src", "dst")
    },
    "icmpv4_type": ("icmp,icmp_type=1", ""),
    "icmpv4_code": ("icmp,icmp_code=1", ""),
    "ipv6_src": ("ipv6,ipv6_src=::1", "ipv6,ipv6_src=e000::/3"),
    "ipv6_dst": ("ipv6,ipv6_dst=::1", "ipv6,ipv6_dst=e000::/3"),
    "nw_ttl": ("ipv6,nw_ttl=1", ""),
    "icmpv6_type": ("icmp6,icmp_type=1", ""),
    "icmpv6_code": ("icmp6,icmp_code=1", ""),
    "ipv6_nd_target": (
        "icmp6,icmp_type=136,icmp_code=0,nd_target=::1",
        "icmp6,icmp_type=136,icmp_code=0,nd_target=e000::/3",
    ),
    "ipv6_nd_sll": (
        "icmp6,icmp_type=135,icmp_code=0,nd_sll=00:00:00:00:00:01",
        "icmp6,icmp_type=135,icmp_code=0,nd_sll=e0:00:00:00:00:00/e0:00:00:00:00:00",
    ),
    "ipv6_nd_tll": (
        "icmp6,icmp_type=136,icmp_code=0,nd_tll=00:00:00:00:00:01",
        "icmp6,icmp_type=136,icmp_code=0,nd_tll=e0:00:00:00:00:00/e0:00:00:00:00:00",
    ),
    "metadata": ("metadata=0x1", f"metadata=0xe{'0' * 15}/0xe{'0' * 15}"),
    "arp_op": ("arp,arp_op=1", ""),
    "arp_spa": ("arp,arp_spa=0.0.0.1", "arp,arp_spa=224.0.0.0/3"),
    "arp_tpa": ("arp,arp_tpa=0.0.0.1", "arp,arp_tpa=224.0.0.0/3"),
    "arp_sha": ("arp,arp_sha=00:00:00:00:00:01", "arp,arp_sha=e0:00:00:00:00:00/e0:00:00:00:00:00"),
    "arp_tha": ("arp,arp_tha=00:00:00:00:00:01", "arp,arp_tha=e0:00:00:00:00:00/e0:00:00:00:00:00"),
    "ct_state": ("ct_state=new", "ct_state=+new+trk"),
    "ip_frag": ("ip,nw_frag=first", ""),
    "ct_zone": ("ct_zone=1", ""),
    "ct_mark": ("ct_mark=0x1", "ct_mark=0xe0000000/0xe0000000"),
    "ct_label": ("ct_label=0x1", f"ct_label=0xe{'0' * 31}/0xe{'0' * 31}"),
    **{f"reg{number}": (f"reg{number}=0x1", f"reg{number}=0xe0000000/0xe0000000") for number in range(16)},
}

OWN, PORT = 0x02000000000A, {"in_port": 1, "eth_src": 0x02000000000A}
TAGGED = {"vlan_vid": (0x1000, 0x1000)}
# What must stand together: prerequisites in their order, and actions that a match allows; how ovs-ofctl shows both.
WHOLE = {
    flow(51, 1, **PORT, **ADVERTISEMENT, nw_ttl=255, ip_frag=0, ipv6_nd_target=1, ipv6_nd_tll=OWN): (
        "icmp6,in_port=1,dl_src=02:00:00:00:00:0a,nw_ttl=255,nw_frag=no,icmp_type=136,icmp_code=0,nd_target=::1,"
        "nd_tll=02:00:00:00:00:0a",
        "drop",
    ),
    flow(51, 2, **PORT, **SOLICITATION, nw_ttl=255, ipv6_src=0, ipv6_nd_target=(1 << 127, 1 << 127), ipv6_nd_sll=0): (
        "icmp6,in_port=1,dl_src=02:00:00:00:00:0a,ipv6_src=::,nw_ttl=255,icmp_type=135,icmp_code=0,"
        "nd_target=8000::/1,nd_sll=00:00:00:00:00:00",
        "drop",
    ),
    flow(51, 3, **IPV6, ip_frag=3): ("ipv6,nw_frag=later", "drop"),
    flow(51, 4, **PORT, eth_type=0x8035, arp_sha=OWN): (
        "rarp,in_port=1,dl_src=02:00:00:00:00:0a,arp_sha=02:00:00:00:00:0a",
        "drop",
    ),
    flow(51, 5, **PORT, vlan_vid=0): ("in_port=1,vlan_tci=0x0000/0x1fff,dl_src=02:00:00:00:00:0a", "drop"),
    flow(51, 6, **PORT, vlan_vid=0x1005): ("in_port=1,dl_vlan=5,dl_src=02:00:00:00:00:0a", "drop"),
    flow(51, 7, move("vlan_vid", "reg13", 12), pop_vlan(), goto(60), **TAGGED): (
        "vlan_tci=0x1000/0x1000",
        "move:OXM_OF_VLAN_VID[]->NXM_NX_REG13[0..11],pop_vlan,goto_table:60",
    ),
    flow(51, 8, resubmit(70), goto(60), metadata=(5, 7), **IPV6, ct_state=(0x21, 0x21)): (
        "ct_state=+new+trk,ipv6,metadata=0x5/0x7",
        "resubmit(,70),goto_table:60",
    ),
    flow(51, 9, resubmit_ct(70), goto(60), **IPV6, ct_state=(0x21, 0x21)): (
        "ct_state=+new+trk,ipv6",
        "resubmit(,70,ct),goto_table:60",
    ),
    flow(51, 10, ct("reg5", 60), **IPV6): ("ipv6", "ct(table=60,zone=NXM_NX_REG5[0..15])"),
    flow(51, 11, ct_commit("reg5", move("metadata", "ct_label", 32)), goto(60), **IPV6): (
        "ipv6",
        "ct(commit,zone=NXM_NX_REG5[0..15],exec(move:OXM_OF_METADATA[0..31]->NXM_NX_CT_LABEL[0..31])),goto_table:60",
    ),
}


def samples() -> dict[Flow, str]:
    """Flows that together have every field, exact and masked, and every action; with their ovs-ofctl text."""
    shown = {}
    for number, name in enumerate(FIELDS):
        needed = PREREQUISITES.get(name, {})
        exact, masked = ONE_AND_HIGH[name]
        shown[flow(40, 1000 + number, **needed | {name: 1})] = exact
        if name not in EXACT_ONLY:
            high = FULL[name] ^ FULL[name] >> 3 if name != "ct_state" else 0x21
            shown[flow(41, 1000 + number, **needed | {name: (high, high)})] = masked
    lines = {each: f"{match} actions=drop" for each, match in shown.items()}
    lines |= {each: f"{match} actions={text}" for each, (match, text) in WHOLE.items()}
    for number, (actions, text) in enumerate(ACTIONS.items()):
        # only a packet that conntrack has seen has an original tuple
        lines[flow(50, 2000 + number, *actions, **TRACKED)] = f"ct_state=+new+trk,ip actions={text}"
    return lines
