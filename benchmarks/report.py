"""What was run where, and the results as a table."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from collections.abc import Iterable
from importlib.metadata import version

Row = tuple[str, str, str]  # what, how much, the longest stall of the hub meanwhile


def heading() -> str:
    ovs = subprocess.run(["ovs-vsctl", "--version"], capture_output=True, text=True, check=True).stdout.splitlines()[0]
    load = ", ".join(f"{each:.1f}" for each in os.getloadavg())
    programs = f"Python {platform.python_version()}, os-ken {version('os-ken')}, eventlet {version('eventlet')}"
    where = f"{os.cpu_count()} cores, load before {load}"
    return f"python -m benchmarks {' '.join(sys.argv[1:])}\n{ovs}, userspace datapath; {programs}; {where}"


def table(title: str, rows: Iterable[Row]) -> str:
    everything = [(title, "", "longest hub stall"), *rows]
    widths = [max(len(row[column]) for row in everything) for column in (0, 1)]
    return "\n".join(f"{what:{widths[0]}}  {much:{widths[1]}}  {stall}".rstrip() for what, much, stall in everything)
