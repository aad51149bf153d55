"""What each table of the pipeline is for: `docs/pipeline.md` is generated from this and from compiled flows."""

from __future__ import annotations

from dataclasses import dataclass

from app.core.pipeline import Table


@dataclass(frozen=True, slots=True)
class Purpose:
    """What a table is for, which flows it holds and what happens to a packet that none of them matches."""

    question: str
    flows: tuple[str, ...]
    miss: str = "drop"


PURPOSE: dict[Table, Purpose] = {
    Table.GUARD: Purpose(
        "Who sends, and is the source MAC its own?",
        (
            "a packet that arrives already tracked: forget that and begin again",
            "per port and MAC of its own: sets SRC_ZONE, SRC_POLICY, SEGMENT; go to ADDRESS",
            "per sub-port and MAC: the same for frames with its tag, which is taken off",
            "per port whose spoof guard is off: the same under any MAC; go to ARRIVE",
            "per port: a VLAN-tagged frame: dropped as `ethertype`; any other source MAC: dropped as `mac`",
            "per uplink: the VLAN id is the SEGMENT, the tag stays on; go to UPLINK",
        ),
        "drop: the switch port is neither an uplink nor bound to a registered port",
    ),
    Table.ADDRESS: Purpose(
        "Are the protocol addresses its own?",
        (
            "per port, MAC and IPv4 address or network: go to DEST",
            "per port, MAC and IPv4 address: ARP from this pair: go to ANNOUNCE; a probe for it: to who has it",
            "per port and MAC: RARP for it: leaves by the uplink; broadcast DHCP client message: go to MULTICAST_OUT",
            "per port, MAC and IPv6 address or network: go to CONTROL; from `::`: go to UNSPECIFIED",
            "per port and MAC with a pair of every address: go to DEST, IPv6 to FOREIGN",
            "an ethertype of the configured list: go to DEST",
            "anything else: dropped as `arp`, `ipv4`, `ipv6` or `ethertype`",
        ),
    ),
    Table.UNSPECIFIED: Purpose(
        "What may a VM say that has no IPv6 address yet?",
        (
            "per port, MAC and IPv6 address: duplicate address detection for it: to who has it",
            "MLD reports: leave by the uplink",
            "anything else: dropped as `ipv6`",
        ),
    ),
    Table.FOREIGN: Purpose(
        "May it be said under somebody else's IPv6 address?",
        (
            "neighbour discovery, MLD: dropped as `nd`, `mld`: a pair of every address is for what a router forwards",
            "anything else: go to DEST",
        ),
    ),
    Table.CONTROL: Purpose(
        "Is it neighbour discovery or MLD?",
        (
            "router or neighbour solicitation, neighbour advertisement: go to ND",
            "router advertisement, redirect: dropped as `nd`",
            "MLD report from a link-local address: leaves by the uplink; any other MLD message: dropped as `mld`",
            "anything else: go to DEST",
        ),
    ),
    Table.ND: Purpose(
        "Is neighbour discovery well formed, and about the sender's own address? (RFC 4861: hop limit 255, code 0)",
        (
            "router solicitation: leaves by the uplink",
            "neighbour solicitation: go to ND_OPTION",
            "per port, MAC and IPv6 address: neighbour advertisement of it: go to ND_OPTION",
            "anything else: dropped as `nd`",
        ),
    ),
    Table.ND_OPTION: Purpose(
        "Is the link-layer address that neighbour discovery carries the sender's?",
        (
            "none: go to ANNOUNCE",
            "per port and MAC: its own: go to ANNOUNCE",
            "anything else: dropped as `nd`",
        ),
    ),
    Table.UPLINK: Purpose(
        "Does a frame from outside pretend to be one of our VMs?",
        ("per port: source MAC of a local VM of the segment, dropped", "anything else: go to ARRIVE"),
    ),
    Table.ARRIVE: Purpose(
        "What kind of frame comes from an uplink, or from a port whose spoof guard is off?",
        (
            "ARP: go to ANNOUNCE",
            "neighbour discovery, MLD query: go to NEIGHBOUR",
            "broadcast DHCP server message from an uplink: copied to the segment's ports",
            "anything else from an uplink, IPv4, IPv6, the configured list: go to DEST",
            "anything else: dropped as `ethertype`",
        ),
    ),
    Table.NEIGHBOUR: Purpose(
        "What does the network say about itself?",
        (
            "neighbour solicitation or advertisement: go to ANNOUNCE",
            "router advertisement or MLD query from an uplink to everybody: copied to the segment's ports",
            "router advertisement or redirect from an uplink to one: go to DEST",
            "malformed, from an uplink: passes between uplinks only",
            "anything else: go to DEST",
        ),
    ),
    Table.ANNOUNCE: Purpose(
        "Does the sender announce its own address to everybody?",
        (
            "ARP request, per bit of an address two flows: sender and target differ in this bit; go to RESOLVE",
            "ARP request whose sender and target are equal: outside, and copied to the segment's ports",
            "neighbour advertisement to a multicast address: the same",
            "anything else: go to RESOLVE",
        ),
    ),
    Table.RESOLVE: Purpose(
        "Who owns the address that an ARP request or a neighbour solicitation asks for?",
        (
            "per port and own address: deliver to the owner, to nobody else",
            "per network of address pairs: outside and to all ports that have such a pair; the longest network first",
            "an address that no local port has: outside",
            "ARP reply to everybody: outside, and copied to the segment's ports",
            "anything else: go to DEST, which delivers by MAC",
        ),
    ),
    Table.DEST: Purpose(
        "Whose MAC is the destination?",
        (
            "per port: (segment, destination MAC) sets DST_PORT, DST_ZONE, DST_POLICY; go to TRACK",
            "per port that is off: dropped",
            "per MAC that only address pairs have: outside and to each port that has such a pair, one TRACK each",
            "a multicast MAC: go to MULTICAST",
            "anything else: outside; go to TRACK",
        ),
    ),
    Table.TRACK: Purpose(
        "Does the sender's policy pass it without conntrack?",
        (
            "from an uplink to outside: plain forwarding between uplinks",
            "a tag, of an uplink's frame or of the copy that left: taken off",
            "ARP, neighbour and router advertisement, redirect, the configured ethertypes: delivered without conntrack",
            "from an uplink to a VM: go to ZONE",
            "per policy with stateless rules: ask POLICY about them, go to TRACK_SOURCE",
            "anything else: go to TRACK_SOURCE",
        ),
    ),
    Table.TRACK_SOURCE: Purpose(
        "Does conntrack see the packet in the sender's zone?",
        (
            "passed by a stateless rule: go to ZONE",
            "refused as a DHCP server's: dropped as `dhcp`",
            "otherwise: the sender's zone, on in SOURCE",
        ),
    ),
    Table.SOURCE: Purpose(
        "Does the sender's policy let it say this?",
        (
            "invalid: dropped",
            "per policy and role: a known connection whose label carries the policy's current epoch: go to ZONE",
            "per policy: anything else; sets SRC_EPOCH, go to JUDGE_SOURCE",
        ),
    ),
    Table.JUDGE_SOURCE: Purpose(
        "Ask POLICY about the sender, on the connection's original 5-tuple",
        (
            "first packet: as egress",
            "known connection, the sender opened it: as egress",
            "known connection, the sender answers: as ingress",
            "a fragment that is not the first: passes, to be held in COMMIT",
        ),
    ),
    Table.ACCEPT_SOURCE: Purpose(
        "What did POLICY say of the sender?",
        (
            "allowed: keep the rule, go to ZONE",
            "per switch port with a rate: the first packet of a connection: the same, if its meter lets it",
            "refused as a DHCP server's: dropped as `dhcp`",
            "anything else: dropped as `egress`",
        ),
    ),
    Table.ZONE: Purpose(
        "Does the receiver's policy pass it without conntrack?",
        (
            "outside: go to COMMIT",
            "per policy with stateless rules: ask POLICY about them, go to TRACK_TARGET",
            "anything else: go to TRACK_TARGET",
        ),
    ),
    Table.TRACK_TARGET: Purpose(
        "Does the receiver live in another zone?",
        (
            "passed by a stateless rule: go to COMMIT",
            "per zone: sender and receiver share it: go to TARGET, no second conntrack pass",
            "otherwise: conntrack in the receiver's zone, on in TARGET",
        ),
    ),
    Table.TARGET: Purpose(
        "Does the receiver's policy let it hear this?",
        (
            "invalid: dropped",
            "per policy and role: a known connection whose label carries the policy's current epoch: go to COMMIT",
            "per policy: anything else; sets DST_EPOCH, go to JUDGE_TARGET",
        ),
    ),
    Table.JUDGE_TARGET: Purpose(
        "Ask POLICY about the receiver, on the connection's original 5-tuple",
        (
            "DHCP server message from an uplink: delivered, it is infrastructure",
            "first packet: as ingress",
            "known connection, the sender opened it: as ingress",
            "known connection, the sender answers: as egress",
            "a fragment that is not the first: passes, to be held in COMMIT",
        ),
    ),
    Table.ACCEPT_TARGET: Purpose(
        "What did POLICY say of the receiver?",
        (
            "allowed: keep the rule, go to COMMIT",
            "per switch port with a rate: the first packet of a connection: the same, if its meter lets it",
            "anything else: dropped as `ingress`",
        ),
    ),
    Table.COMMIT: Purpose(
        "Which zones learn of the verdict?",
        (
            "nothing was newly judged: go to OUTPUT",
            "a fragment: waits for the others of its datagram in a zone that only what is allowed enters",
            "anything else: go to COMMIT_NOW",
        ),
    ),
    Table.COMMIT_NOW: Purpose(
        "Tell them",
        (
            "the sender was judged, or shares the receiver's zone: commit in the sender's zone, on in LIMIT_SOURCE",
            "only the receiver was judged: commit in its zone, on in LIMIT_TARGET",
        ),
    ),
    Table.LIMIT_SOURCE: Purpose(
        "Had the sender's zone room for the connection?",
        (
            "per zone: no label, so it had none: dropped; its packet counter is what the zone refused",
            "there is no second zone: go to OUTPUT",
            "the receiver was judged, too: commit in its zone, on in LIMIT_TARGET",
            "anything else: go to OUTPUT",
        ),
    ),
    Table.LIMIT_TARGET: Purpose(
        "Had the receiver's zone room for the connection?",
        ("per zone: no label, so it had none: dropped and counted", "anything else: go to OUTPUT"),
    ),
    Table.GATED: Purpose(
        "All fragments of a datagram are there, and the first was allowed",
        ("delivered, then committed without a label, so that every packet is judged until a whole one comes",),
    ),
    Table.MULTICAST: Purpose(
        "May this go to many? (never through conntrack)",
        (
            "fragments: between uplinks only",
            "from an uplink: outside and, as far as their policies admit it, to the segment's ports",
            "DHCPv6 client message from a VM: go to MULTICAST_OUT",
            "IP from a VM: ask POLICY about the sender, go to MULTICAST_OUT",
            "anything else: outside",
        ),
    ),
    Table.MULTICAST_OUT: Purpose(
        "What did POLICY say of the sender?",
        (
            "allowed: outside and, as far as their policies admit it, to the segment's ports",
            "refused as a DHCP server's: dropped as `dhcp`",
            "anything else: dropped as `egress`",
        ),
    ),
    Table.OUTPUT: Purpose(
        "Tagged or untagged?",
        (
            "from an uplink to outside: as it is; go to LEAVE",
            "a tag on what goes to a local port: taken off",
            "outside: tagged with the SEGMENT unless that is 0; go to LEAVE",
            "per sub-port: tagged as the VM wants it, to its switch port; also back to it, if another port behind"
            " the same interface sent it",
            "a local port: that port",
        ),
    ),
    Table.LEAVE: Purpose(
        "By which uplink does it leave?",
        (
            "to the MAC of LOCAL: LOCAL",
            "from an uplink or to a multicast address: every uplink and LOCAL",
            "otherwise: every uplink (LOCAL only where there is no other)",
        ),
        "drop: the bridge has no uplink",
    ),
    Table.FLOOD: Purpose(
        "Copy an announcement to every port of the segment",
        ("a tag: taken off", "per segment: call FLOOD_CHUNK for each chunk of its ports"),
        "return",
    ),
    Table.FLOOD_CHUNK: Purpose(
        "The ports of one chunk", ("per segment and chunk: output to each of its ports",), "return"
    ),
    Table.ADMIT: Purpose(
        "Copy a packet to the ports of the segment whose policy admits it",
        ("a tag: taken off", "per segment: call ADMIT_LIST for each chunk of its policies"),
        "return",
    ),
    Table.ADMIT_LIST: Purpose(
        "The policies of one chunk",
        ("per segment and chunk: for each policy ask POLICY, call ADMIT_PORTS",),
        "return",
    ),
    Table.ADMIT_PORTS: Purpose(
        "The ports of one policy",
        ("per segment, policy and chunk: if POLICY allowed it, output to each of the ports",),
        "return",
    ),
    Table.POLICY: Purpose(
        "Does a policy allow this 5-tuple?",
        (
            "per policy, direction and match of its rules: VERDICT = allowed, RULE = the rule's id",
            "per policy with egress any: VERDICT = allowed, RULE = 0",
        ),
        "return without a verdict, which denies",
    ),
    Table.SETS: Purpose(
        "Which address sets do its rules name?",
        (
            "per policy and direction with such rules: call MEMBER and POLICY again for each of the sets; with the"
            " original 5-tuple if there is one, which the match has to say",
        ),
        "return",
    ),
    Table.MEMBER: Purpose(
        "Is the remote address in the address set SET?",
        ("per set, direction and member address or network: mark SET as true",),
        "return",
    ),
    Table.GUARDRAILS: Purpose(
        "Does the operator allow or deny it, whatever the policy says?",
        (
            "per guardrail for everybody and match: VERDICT = allowed or none, RULE = the guardrail's id",
            "per guardrail for some tenants, policy of theirs and match: the same",
            "without conntrack a guardrail only denies; then conntrack sees the packet",
        ),
        "return: what POLICY said holds",
    ),
    Table.SERVERS: Purpose(
        "Is it something only a DHCP server sends or hears?",
        (
            "per policy of DHCP servers: it may",
            "DHCP server message, sent: VERDICT = refused; DHCP client message, received: VERDICT = none",
        ),
        "return",
    ),
    Table.DROPPED: Purpose(
        "Count what a guard or a policy dropped",
        ("per port and reason: dropped; its packet counter is what the port's status shows",),
    ),
}
