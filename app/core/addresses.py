"""Addresses and networks as the numbers that flows carry, of either family."""

from __future__ import annotations

import socket
from typing import NamedTuple

from app.core.pipeline import EtherType

WIDTH = {4: 32, 6: 128}
ETHERTYPE = {4: EtherType.IPV4, 6: EtherType.IPV6}
LINK_LOCAL = (0xFE80 << 112, 0x3FF << 118)  # fe80::/10
MULTICAST6 = (0xFF << 120, 0xFF << 120)  # ff00::/8


class Network(NamedTuple):
    """A network, or one address of full length."""

    family: int  # 4 or 6
    value: int
    length: int

    @property
    def masked(self) -> tuple[int, int]:
        """(value, mask), as a match has it. The mask of a network of length 0 is empty, which is no match."""
        width = WIDTH[self.family]
        return self.value, (1 << width) - (1 << width - self.length)

    @property
    def is_everything(self) -> bool:
        return self.length == 0

    def covers(self, other: Network) -> bool:
        """Whether all of another network, or address, is in this one."""
        if self.family != other.family or self.length > other.length:
            return False
        return (self.value ^ other.value) >> WIDTH[self.family] - self.length == 0


def network(text: str) -> Network:
    """Of a canonical address or network."""
    address, slash, length = text.partition("/")
    family = 6 if ":" in address else 4
    return Network(family, address_number(address), int(length) if slash else WIDTH[family])


def address_number(address: str) -> int:
    """A canonical address of either family as a number."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    return int.from_bytes(socket.inet_pton(family, address), "big")


def mac_number(mac: str) -> int:
    return int(mac.replace(":", ""), 16)
