"""Which processes live, and which network links there are, as this network namespace sees them."""

from __future__ import annotations

import contextlib
import os
import socket
from pathlib import Path


def alive(pid: int) -> bool:
    """Whether the process runs. A zombie does not: a container without an init keeps the dead as such."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state != "Z"


def links() -> set[str]:
    """Names of the links of this network namespace (/sys/class/net may show another one's)."""
    return {name for _, name in socket.if_nameindex()}


def vswitchds() -> list[int]:
    """Process ids of the living vswitchds of this network namespace."""
    here = os.readlink("/proc/thread-self/ns/net")
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if (process / "comm").read_text() == "ovs-vswitchd\n" and os.readlink(process / "ns/net") == here:
                found.append(int(process.name))
    return [pid for pid in found if alive(pid)]
