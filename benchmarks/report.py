"""What was run where, and the results as a table."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from collections.abc import Iterable
from importlib.metadata import version

Row = tuple[str, ...]
STALLS = ("", "longest hub stall")


def heading() -> str:
    ovs = subprocess.run(["ovs-vsctl", "--version"], capture_output=True, text=True, check=True).stdout.splitlines()[0]
    load = ", ".join(f"{each:.1f}" for each in os.getloadavg())
    programs = f"Python {platform.python_version()}, os-ken {version('os-ken')}, eventlet {version('eventlet')}"
    where = f"{os.cpu_count()} cores, load before {load}"
    return f"python -m benchmarks {' '.join(sys.argv[1:])}\n{ovs}, userspace datapath; {programs}; {where}"


def table(title: str, rows: Iterable[Row], columns: Row = STALLS) -> str:
    """Rows of what was measured, how much it was, and more such columns."""
    everything = [(title, *columns), *rows]
    widths = [max(map(len, column)) for column in zip(*everything, strict=True)]
    return "\n".join("  ".join(map(str.ljust, row, widths)).rstrip() for row in everything)
