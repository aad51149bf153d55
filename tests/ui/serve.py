"""The demo company, kept running to look at: python -m tests.ui.serve, inside a network namespace of its own or not."""

from __future__ import annotations

import signal
import sys
import tempfile
from pathlib import Path

from tests.ui.browser import BASE
from tests.ui.company import company, connect, poison, spoof

if __name__ == "__main__":
    with tempfile.TemporaryDirectory(prefix="ow-") as directory, company(Path(directory)) as site:
        connect(site)
        spoof(site, 61)
        poison(site, 9)
        print(f"{BASE}/ui/ with the token {site.controller.token}", flush=True)
        signal.pause()
        sys.exit(0)
