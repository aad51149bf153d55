"""The spoof guard: one small module per kind of address, each yielding the flows of one port."""

from __future__ import annotations

from app.core.guards import arp, dhcp, ipv4, otherwise

GUARDS = (ipv4.flows, arp.flows, dhcp.flows, otherwise.flows)
