"""``python -m benchmarks [connect|hub] [--ports N] [--tenants N]``, as root: see docs/performance.md."""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Sequence
from pathlib import Path

from benchmarks import connect, hub, report
from benchmarks.site import site
from benchmarks.world import World
from topology import isolated


def main(arguments: Sequence[str] | None = None) -> None:
    """Run and print. The network is a private one; the machine's own is left alone."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=main.__doc__)
    parser.add_argument("which", nargs="*", choices=["connect", "hub", []], help="both, if none is named")
    parser.add_argument("--ports", type=int, default=10_000)
    parser.add_argument("--tenants", type=int, default=1_000)
    chosen = parser.parse_args(arguments)
    which = chosen.which or ["connect", "hub"]
    print(report.heading(), flush=True)
    with (
        isolated(),
        tempfile.TemporaryDirectory(prefix="bench", dir="/tmp") as directory,
        site(Path(directory), World(chosen.ports, chosen.tenants)) as place,
    ):
        if "connect" in which:
            found = connect.run(place)
            print("\n" + report.table("connect", connect.report(place, found)), flush=True)
        else:
            place.controller.start()
            place.load()
            connect.connected(place, place.connect())
        if "hub" in which:
            print("\n" + report.table("hub", hub.report(place, hub.run(place))), flush=True)


if __name__ == "__main__":
    main()
