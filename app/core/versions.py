"""Which versions of Open vSwitch are known to be bad for us, as data. A warning at most, never a refusal.

Distributions repair a version without giving it another number, so a number is a reason to look and not a verdict; what
a datapath can do is found out by asking it (`app.openflow.probing`). The repaired versions are the first release of
each series that has the named change (read in Open vSwitch's repository, releases up to 3.7.1, July 2026).
"""

from __future__ import annotations

import re
from dataclasses import dataclass

Version = tuple[int, int, int]

NUMBER = re.compile(r"(\d{1,3})\.(\d{1,3})(?:\.(\d{1,3}))?(?![\d])")
BACKPORTED = "unless your distribution has repaired it under the same number"

# Open vSwitch maintains its newest series and the last of long-term support, and mends the three before the newest as a
# rule (Documentation/internals/release-process.rst).
OLDEST_MAINTAINED: Version = (3, 3, 0)
MAINTAINED_WHEN = "November 2026"


@dataclass(frozen=True, slots=True)
class Description:
    """What a switch says of itself (ofp_desc): free text, not to be relied on."""

    manufacturer: str
    hardware: str
    software: str
    serial: str
    datapath: str


@dataclass(frozen=True, slots=True)
class Flaw:
    """Something wrong in Open vSwitch: from `since` on, in each series before the version of it that is in `fixed`."""

    code: str
    detail: str
    source: str  # subject of the change that repaired it, or an advisory
    fixed: tuple[Version, ...]  # ascending, one a series; later series have it too
    since: Version = (0, 0, 0)

    def affects(self, version: Version) -> bool:
        if version < self.since:
            return False
        same = [each for each in self.fixed if each[:2] == version[:2]]
        return version < (same[0] if same else self.fixed[-1])


FLAWS = (
    Flaw(
        "ovs_cve_2023_5366",
        "flows for neighbour discovery can match more than they say (CVE-2023-5366); those of ovswarden name type and "
        "code, which avoids it, foreign ones may not",
        "odp: ND: Follow Open Flow spec converting from OF to DP.",
        ((2, 17, 9), (3, 0, 6), (3, 1, 4), (3, 2, 2), (3, 3, 0)),
    ),
    Flaw(
        "ovs_cve_2023_1668",
        "a packet with IP protocol 0 can leave a datapath flow that decides about every protocol (CVE-2023-1668)",
        "ofproto-dpif-xlate: Always mask ip proto field.",
        ((2, 13, 11), (2, 14, 9), (2, 15, 8), (2, 16, 7), (2, 17, 6), (3, 0, 4), (3, 1, 1), (3, 2, 0)),
    ),
    Flaw(
        "ovs_classifier_masks",
        "a datapath flow can leave out TCP flags and neighbour discovery targets that its flow has looked at",
        "classifier: Fix missing masks on a final stage with ports trie.",
        ((2, 13, 11), (2, 14, 9), (2, 15, 8), (2, 16, 7), (2, 17, 6), (3, 0, 4), (3, 1, 1), (3, 2, 0)),
    ),
    Flaw(
        "ovs_cve_2020_35498",
        "a packet with unusual padding can leave a datapath flow that drops others' traffic (CVE-2020-35498)",
        "flow: Support extra padding length.",
        ((2, 10, 7), (2, 11, 6), (2, 12, 3), (2, 13, 3), (2, 14, 2), (2, 15, 0)),
    ),
    Flaw(
        "ovs_fragments_crash",
        "a VM can end ovs-vswitchd by fragments that are too long together (userspace datapath)",
        "ipf: Fix the over-sized reassembly.",
        ((2, 17, 12), (3, 0, 8), (3, 1, 7), (3, 2, 5), (3, 3, 4), (3, 4, 2), (3, 5, 0)),
    ),
    Flaw(
        "ovs_fragments_zone",
        "under load a reassembled packet can go on in another connection's place: other zone, other port "
        "(userspace datapath)",
        "ipf: Maintain packet zone and direction.",
        ((3, 2, 6), (3, 3, 5), (3, 4, 3), (3, 5, 1), (3, 6, 0)),
    ),
    Flaw(
        "ovs_flush_incomplete",
        "flushing a conntrack zone can leave some of its connections (userspace datapath); those are judged again by "
        "the policy of whoever has the zone next",
        "conntrack: Fix flush not flushing all elements.",
        ((2, 17, 10), (3, 0, 7), (3, 1, 5), (3, 2, 3), (3, 3, 1), (3, 4, 0)),
    ),
    Flaw(
        "ovs_flush_ignores",
        "a conntrack flush with a condition that the switch does not know flushes more than was asked for; "
        "ovswarden asks by zone and tuple only",
        "ofp-ct: Return error for unknown property in CT flush.",
        ((3, 1, 4), (3, 2, 2), (3, 3, 0)),
        since=(3, 1, 0),
    ),
    Flaw(
        "ovs_flush_icmpv6_crash",
        "flushing one ICMPv6 connection ends ovs-vswitchd (userspace datapath)",
        "conntrack: Do not use icmp reverse helper for icmpv6.",
        ((2, 17, 10), (3, 0, 7), (3, 1, 5), (3, 2, 3), (3, 3, 1), (3, 4, 0)),
    ),
    Flaw(
        "ovs_prefixes_crash",
        "changing Flow_Table:prefixes under traffic can end ovs-vswitchd: set them before the bridge has flows",
        "classifier: Fix race for prefix tree configuration.",
        ((3, 2, 6), (3, 3, 5), (3, 4, 3), (3, 5, 1), (3, 6, 0)),
    ),
    Flaw(
        "ovs_sctp_ports",
        "conntrack does not look at SCTP's ports: one admitted association admits the others between the same two "
        "hosts (userspace datapath)",
        "conntrack: Extract l4 information for SCTP.",
        ((3, 0, 5), (3, 1, 3), (3, 2, 0)),
    ),
)

# all that `warnings` may say
CODES = frozenset((*(flaw.code for flaw in FLAWS), "unknown_switch", "ovs_version_unknown", "ovs_end_of_support"))


def version(description: Description) -> Version | None:
    """The version of an Open vSwitch; None if this is another switch, or says nothing of the kind."""
    if "open vswitch" not in description.hardware.lower():
        return None
    found = NUMBER.match(description.software)
    return (int(found[1]), int(found[2]), int(found[3] or 0)) if found else None


def warnings(description: Description) -> dict[str, str]:
    """What an operator should know about a switch that describes itself so: code -> detail."""
    if "open vswitch" not in description.hardware.lower():
        named = " ".join(filter(None, (description.manufacturer, description.hardware, description.software)))
        return {"unknown_switch": f"{named[:100] or 'this'} is not Open vSwitch, the only switch that was tested"}
    number = version(description)
    if number is None:
        return {"ovs_version_unknown": f"{description.software[:100]!r} is not a version of Open vSwitch"}
    text = "{}.{}.{}".format(*number)
    found = {
        flaw.code: f"Open vSwitch {text}: {flaw.detail}; repaired in {_repaired(flaw, number)}, {BACKPORTED}"
        for flaw in FLAWS
        if flaw.affects(number)
    }
    if number < OLDEST_MAINTAINED:
        series = "{}.{}".format(*number[:2])
        oldest = "{}.{}".format(*OLDEST_MAINTAINED[:2])
        found["ovs_end_of_support"] = (
            f"Open vSwitch {series} gets no more repairs from its project; {oldest} and newer do ({MAINTAINED_WHEN})"
        )
    return found


def _repaired(flaw: Flaw, number: Version) -> str:
    """The version to go to: of the same series if there is one, else the first later one."""
    return "{}.{}.{}".format(*next(each for each in flaw.fixed if each[:2] >= number[:2]))
