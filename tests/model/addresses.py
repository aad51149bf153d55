"""Who a port may be: its MACs with the addresses that belong to each."""

from __future__ import annotations

from functools import cache, lru_cache
from ipaddress import ip_network
from typing import NamedTuple

from app.core.values import Port

WIDTH = {4: 32, 6: 128}


class Net(NamedTuple):
    """A network, or a single address."""

    family: int
    value: int
    length: int

    def has(self, family: int, number: int) -> bool:
        rest = WIDTH[family] - self.length
        return family == self.family and number >> rest == self.value >> rest


@cache
def net(text: str) -> Net:
    parsed = ip_network(text)
    return Net(parsed.version, int(parsed.network_address), parsed.prefixlen)


@cache
def mac_number(text: str) -> int:
    return int(text.replace(":", ""), 16)


def link_local(mac: int) -> Net:
    """fe80::/64 and the MAC with its universal bit turned and ff:fe in its middle (RFC 4291, appendix A)."""
    turned = mac ^ 1 << 41
    return Net(6, 0xFE80 << 112 | turned >> 24 << 40 | 0xFFFE << 24 | turned & 0xFFFFFF, 128)


@lru_cache(maxsize=4096)
def identities(port: Port) -> dict[int, tuple[Net, ...]]:
    """For each MAC that the port may use, the addresses that it may use under it."""
    own = mac_number(port.mac)
    found = {own: [*(net(address) for address in port.addresses), link_local(own)]}
    for pair in port.allowed_address_pairs:
        found.setdefault(mac_number(pair.mac) if pair.mac else own, []).append(net(pair.address))
    return {mac: tuple(nets) for mac, nets in found.items()}


@lru_cache(maxsize=4096)
def own_nets(port: Port) -> frozenset[Net]:
    return frozenset((*(net(address) for address in port.addresses), link_local(mac_number(port.mac))))


@lru_cache(maxsize=4096)
def pair_nets(port: Port) -> frozenset[Net]:
    """What others may ask it for besides its own: a pair that is everything is asked for nothing."""
    nets = {net(pair.address) for pair in port.allowed_address_pairs}
    return frozenset(n for n in nets if n.length) - own_nets(port)


def may_use(port: Port, mac: int, family: int, number: int, in_earnest: bool = False) -> bool:
    """Whether an address belongs to one of its MACs; `in_earnest`: by name, not because all of them do."""
    nets = identities(port).get(mac, ())
    return any(net.has(family, number) and (net.length or not in_earnest) for net in nets)
