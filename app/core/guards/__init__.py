"""The spoof guard: one small module per row of its table. `flows` are one port's, `fixed_flows` are every bridge's."""

from __future__ import annotations

from collections.abc import Iterator

from app.core.flow import Flow
from app.core.guards import arp, dhcp, ip, mac, nd, unspecified
from app.core.guards.dropped import drop_flows
from app.core.plugged import Plugged

GUARDS = (ip.flows, arp.flows, nd.flows, unspecified.flows, dhcp.flows)
FIXED = (arp.fixed_flows, ip.fixed_flows, nd.fixed_flows, unspecified.fixed_flows)


def port_flows(port: Plugged) -> Iterator[Flow]:
    """What keeps one port to its own addresses. A port that is off has none: what it sends, nobody takes."""
    if not port.enabled:
        return
    yield from mac.flows(port)
    yield from drop_flows(port)
    if port.guarded:
        for guard in GUARDS:
            yield from guard(port)


def fixed_flows() -> Iterator[Flow]:
    for flows in FIXED:
        yield from flows()
