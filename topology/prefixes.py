"""By which addresses a bridge sorts its flows into tries.

Open vSwitch looks addresses up in tries where it was told to, and then a packet that fits no flow's address is told
apart by a few leading bits instead of all of them. Without, whoever sends under many addresses makes a datapath flow
for each.
"""

from __future__ import annotations

import re

from topology.switch import OpenVSwitch

FIELDS = "ip_src,ip_dst,ipv6_src"  # up to 3.4: three fields at most, and the default has IPv4's two only
ALL_BY_DEFAULT = (3, 5)
TABLES = range(100)


def sort_by_address(ovs: OpenVSwitch, bridge: str) -> None:
    """Do what an operator does with a version of Open vSwitch that has no tries for IPv6 of its own."""
    version = re.search(r"(\d+)\.(\d+)", ovs.appctl("version"))
    if version is None or (int(version[1]), int(version[2])) >= ALL_BY_DEFAULT:
        return
    tables = [f"flow_tables:{table}=@tries" for table in TABLES]
    ovs.vsctl("--id=@tries", "create", "flow_table", f"prefixes={FIELDS}", "--", "set", "bridge", bridge, *tables)
