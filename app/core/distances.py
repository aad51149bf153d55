"""How far off something is: a port of a range, an address of a network or of a set of them. In words, exactly."""

from __future__ import annotations

import socket
from collections.abc import Iterable

from app.core.addresses import WIDTH, Network


def from_ports(port: int, low: int, high: int) -> str:
    """Of a port that is none of low..high."""
    if low == high:
        return f"{low}"
    return f"{low}-{high}, which " + (f"begins {low - port} above" if port < low else f"ends {port - high} below")


def from_network(family: int, address: int, wanted: Network) -> str:
    """Of an address that is not in the network: where that ends, and the smallest network that holds both."""
    both = common(wanted, Network(family, address, WIDTH[family]))
    first, last = wanted.value, wanted.value | (1 << WIDTH[family] - wanted.length) - 1
    reach = f" ({written(family, first)} to {written(family, last)})" if first != last else ""
    hint = f"; {_cidr(both)} would hold both" if both.length else ""
    return f"{written(family, address)}, is not in {_cidr(wanted)}{reach}{hint}"


def from_networks(family: int, address: int, wanted: Iterable[Network], name: str) -> str:
    """Of an address that is in none of the networks: how many there are, and which of them is nearest."""
    there = [each for each in wanted if each.family == family]
    if not there:
        return f"{written(family, address)}, is not in {name}, which has no IPv{family} address"
    here = Network(family, address, WIDTH[family])
    nearest = max(there, key=lambda each: (common(each, here).length, -abs(each.value - address)))
    count = "the only network" if len(there) == 1 else f"any of the {len(there)} networks"
    return f"{written(family, address)}, is not in {count} of {name}; the nearest is {_cidr(nearest)}"


def common(one: Network, other: Network) -> Network:
    """The smallest network that holds both, which are of one family."""
    width = WIDTH[one.family]
    length = min(one.length, other.length, width - (one.value ^ other.value).bit_length())
    return Network(one.family, one.value >> width - length << width - length, length)


def written(family: int, value: int) -> str:
    """An address as people write it."""
    kind, size = (socket.AF_INET6, 16) if family == 6 else (socket.AF_INET, 4)
    return socket.inet_ntop(kind, value.to_bytes(size, "big"))


def _cidr(network: Network) -> str:
    return f"{written(network.family, network.value)}/{network.length}"
