"""The mutants: each replaces one piece of source, which has to be there exactly once."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Mutant:
    """`module` of `app.core` with `old` replaced by `new`."""

    name: str
    module: str
    old: str
    new: str


# Changes nothing: shows that the tests fail because of what the others change.
CONTROL = Mutant("(nothing is changed)", "policy", "import annotations\n", "import annotations\n")

MUTANTS = (
    # -- the spoof guard
    Mutant("IPv4 under any source MAC", "guards.ipv4", "eth_src=port.mac, ", ""),
    Mutant("IPv4 under any source address", "guards.ipv4", ", ipv4_src=address", ""),
    Mutant("ARP with any sender hardware address", "guards.arp", ', "arp_sha": port.mac', ""),
    Mutant("ARP with any sender protocol address", "guards.arp", "arp_spa=address, **own", "**own"),
    Mutant("ARP probe for anybody's address", "guards.arp", "arp_spa=0, arp_tpa=address,", "arp_spa=0,"),
    Mutant("DHCP client under any source address", "guards.dhcp", "ipv4_src=0, ", ""),
    Mutant("VLAN tags are not looked at", "delivery",
        "    yield flow(Table.GUARD, Priority.DENY, vlan_vid=TAGGED)\n", ""),
    Mutant("no anti-spoof at the uplinks", "delivery",
        "    yield flow(Table.UPLINK, Priority.DENY, eth_src=port.mac, **segment)\n", ""),
    # -- delivery
    Mutant("ARP requests flood", "delivery",
        "yield flow(Table.RESOLVE, Priority.OTHERWISE, goto(Table.OUTPUT)",
        "yield flow(Table.RESOLVE, Priority.OTHERWISE, resubmit(Table.FLOOD), goto(Table.OUTPUT)"),
    Mutant("the last bit of gratuitous ARP is forgotten", "delivery", "range(32)", "range(31)"),
    Mutant("broadcasts stay inside", "delivery",
        "Priority.INFRASTRUCTURE, *uplinks, *local", "Priority.INFRASTRUCTURE"),
    Mutant("a copy list forgets a port", "delivery", "in sorted(ofports))", "in sorted(ofports)[1:])"),
    # -- conntrack
    Mutant("invalid packets pass", "verdicts",
        "yield flow(table, Priority.DENY, ct_state=INVALID, **IPV4)",
        "yield flow(table, Priority.DENY, goto(Table.OUTPUT), ct_state=INVALID, **IPV4)"),
    Mutant("the receiver's first packet is tracked in the sender's zone", "verdicts",
        "yield flow(Table.ZONE, Priority.OTHERWISE, ct(Reg.DST_ZONE,",
        "yield flow(Table.ZONE, Priority.OTHERWISE, ct(Reg.SRC_ZONE,"),
    Mutant("the receiver's verdict is committed in the sender's zone", "verdicts",
        "ct_commit(Reg.DST_ZONE, *heard)", "ct_commit(Reg.SRC_ZONE, *heard)"),
    Mutant("the sender's verdict is not committed between tenants", "verdicts",
        "[ct_commit(Reg.SRC_ZONE, *said)] if source else []", "[]"),
    Mutant("any two zones count as one", "verdicts",
        "match = {Reg.SRC_ZONE: zone, Reg.DST_ZONE: zone}", "match = {Reg.SRC_ZONE: zone}"),
    Mutant("one zone for all tenants", "inventory", 'return self._tables["zone"][tenant, str(vlan)]', "return 1"),
    # -- the epoch
    Mutant("the epoch is not compared", "verdicts", ", ct_label=label, **match)", ", **match)"),
    Mutant("only half the epoch's bits are compared", "verdicts", "((1 << LABEL_BITS) - 1) << offset", "1 << offset"),
    Mutant("the halves of the label are swapped when compared", "verdicts",
        "offset = LABEL[role].epoch", "offset = LABEL[OTHER[role]].epoch"),
    Mutant("known packets are accepted in the wrong role at the target", "verdicts",
        "KNOWN[OTHER[role]], Table.COMMIT", "KNOWN[role], Table.COMMIT"),
    Mutant("a tighter policy keeps its epoch", "inventory", 'epoch = self._next("epoch")\n', "pass\n"),
    Mutant("a looser rule set counts as tighter only if it is smaller", "policy",
        "not _meaning(old, egress) <= _meaning(new, egress)",
        "len(_meaning(old, egress)) > len(_meaning(new, egress))"),
    Mutant("a policy keeps the epoch of one that had its number", "inventory",
        '(self._next("policy"), self._next("epoch"))', '(self._next("policy"), 1)'),
    # -- which rule it was
    Mutant("the label names the rule in the other role's place", "verdicts",
        'LABEL_BITS, target_offset=half.rule)', 'LABEL_BITS, target_offset=half.rule ^ 32)'),
    Mutant("the label names the sender's rule as the receiver's", "verdicts",
        "_label(target, Reg.DST_EPOCH, Reg.DST_RULE)", "_label(target, Reg.DST_EPOCH, Reg.SRC_RULE)"),
    Mutant("rules have the ids of the tenant's first rule", "inventory",
        '(self._tables["rule_id"][key.tenant, group, rule.key], rule)',
        '(next(n for id, n in self._tables["rule_id"].items() if id[0] == key.tenant), rule)'),
    Mutant("the default egress is told as a rule", "policy",
        "yield _allow(policy.number, 0, Way.EGRESS, (), 1)", "yield _allow(policy.number, 1, Way.EGRESS, (), 1)"),
    # -- verdicts
    Mutant("answers are judged on their own 5-tuple", "verdicts",
        "(False, KNOWN[Role.RESPONDER], resubmit_ct(", "(False, KNOWN[Role.RESPONDER], resubmit("),
    Mutant("answers are judged in the opener's role", "verdicts",
        "role = Role.INITIATOR if opener == sends else Role.RESPONDER",
        "role = Role.INITIATOR if sends else Role.RESPONDER"),
    Mutant("initiators are judged as ingress", "verdicts",
        "{Role.INITIATOR: Way.EGRESS,", "{Role.INITIATOR: Way.INGRESS,"),
    Mutant("a verdict is not needed at the target", "verdicts",
        "move(Reg.RULE, Reg.DST_RULE, 32), goto(Table.COMMIT), **allowed)",
        "move(Reg.RULE, Reg.DST_RULE, 32), goto(Table.COMMIT))"),
    Mutant("DHCP answers pass from local ports too", "verdicts",
        '"udp_dst": CLIENT, Reg.SRC_ZONE: 0}', '"udp_dst": CLIENT}'),
    # -- the policy compiler
    Mutant("POLICY does not ask whose policy", "policy",
        "match = {Reg.CALL: policy, Reg.DIRECTION", "match = {Reg.DIRECTION"),
    Mutant("POLICY does not ask for the direction", "policy", "Reg.DIRECTION: int(way), ", ""),
    Mutant("port masks reach one port too far", "policy",
        "while size > high - low + 1:", "while size > high - low + 2:"),
    Mutant("the mask of a network is ignored", "policy",
        "mask = (0xFFFFFFFF << (32 - prefix)) & 0xFFFFFFFF", "mask = 0xFFFFFFFF"),
    Mutant("remote is the wrong end", "policy",
        '{Way.EGRESS: "ipv4_dst", Way.INGRESS: "ipv4_src"}', '{Way.EGRESS: "ipv4_src", Way.INGRESS: "ipv4_dst"}'),
    Mutant("rules without ICMP type and code", "policy", '("icmpv4_type", rule.icmp_type), ', ""),
    Mutant("flows of one priority overlap", "policy",
        "(PORT_BITS + 1)) + port_bits) * 4 + depth", "(PORT_BITS + 1)) + port_bits) * 4"),
    Mutant("no default egress", "policy", 'if policy.egress == "any":', "if False:"),
    Mutant("egress rules never count", "policy",
        'pair[1].direction == "ingress" or egress == "rules"', 'pair[1].direction == "ingress"'),
    # -- the incremental program
    Mutant("a changed policy is not compiled again", "program",
        "            if key in self._policies:\n", "            if False:\n"),
    Mutant("a policy that nobody needs stays", "program", "if not before or key not in counter:", "if not before:"),
    Mutant("a moved interface leaves its old seat's flows", "program", "            self._plug(other, None)\n", ""),
    Mutant("a renamed switch is not noticed", "program",
        "look = self._claim if len(names) > 1 else self._sort_uplink", "look = self._sort_uplink"),
    Mutant("a segment's copy list is not followed", "program",
        "        self._stale_chunks.add((plugged.segment, plugged.ofport // CHUNK))\n", "        pass\n"),
    Mutant("a rule's id is given twice", "inventory",
        'self._set("counter", (name,), number)\n', 'self._set("counter", (name,), min(number, 9))\n'),
    Mutant("undo forgets the last write", "inventory",
        "self._place(write.kind, write.id, write.before)",
        "self._place(write.kind, write.id, write.before if write.before else write.after)"),
    # -- the session
    Mutant("changes during a push are forgotten", "session",
        "                self._stale |= cookies\n",
        "                self._stale |= cookies if self.state is State.SYNCED else set()\n"),
    Mutant("a copied cookie counts as installed", "session", "        self.installed -= self._strange\n", ""),
    Mutant("what went while the switch was read stays", "session",
        "gone, self._stale = self._stale & self.installed, set()", "gone, self._stale = set(), set()"),
    Mutant("what the switch held before it reconnected counts", "session",
        "self.installed, self._strange, self._stale = set(), set(), set()",
        "self._strange, self._stale = set(), set()"),
    Mutant("flows of earlier programs stay", "session",
        "elif cookie >> OWNER_SHIFT == OWNER or not self.keep_foreign:",
        "elif cookie >> OWNER_SHIFT != OWNER and not self.keep_foreign:"),
)  # fmt: skip
