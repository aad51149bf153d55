"""Near misses: how far off a port or an address is, exactly."""

from __future__ import annotations

from ipaddress import ip_address, ip_network
from random import Random

import pytest

from app.core.addresses import Network, network
from app.core.distances import common, from_network, from_networks, from_ports


@pytest.mark.parametrize(
    ("port", "low", "high", "said"),
    [
        (8080, 22, 22, "22"),
        (8080, 8000, 8079, "8000-8079, which ends 1 below"),
        (8080, 8083, 9000, "8083-9000, which begins 3 above"),
    ],
)
def test_a_range_says_how_far_it_is(port: int, low: int, high: int, said: str) -> None:
    assert from_ports(port, low, high) == said


@pytest.mark.parametrize(
    ("address", "cidr", "said"),
    [
        (
            "10.0.5.7",
            "10.0.4.0/24",
            "10.0.5.7, is not in 10.0.4.0/24 (10.0.4.0 to 10.0.4.255); 10.0.4.0/23 would hold both",
        ),
        ("10.0.0.8", "10.0.0.9/32", "10.0.0.8, is not in 10.0.0.9/32; 10.0.0.8/31 would hold both"),
        ("192.0.2.1", "10.0.0.0/8", "192.0.2.1, is not in 10.0.0.0/8 (10.0.0.0 to 10.255.255.255)"),
        (
            "fd00::1:0:0:0:1",
            "fd00::/80",
            "fd00:0:0:1::1, is not in fd00::/80 (fd00:: to fd00::ffff:ffff:ffff); fd00::/63 would hold both",
        ),
    ],
)
def test_a_network_says_where_it_ends_and_what_would_hold_both(address: str, cidr: str, said: str) -> None:
    number = ip_address(address)
    assert from_network(number.version, int(number), network(cidr)).replace("fd00::1:0:0:0:1", "fd00:0:0:1::1") == said


def test_a_set_says_how_many_networks_it_has_and_which_is_nearest() -> None:
    networks = [network(cidr) for cidr in ("10.0.0.0/24", "10.9.0.0/24", "fd00::/64", "10.9.1.0/28")]
    here = int(ip_address("10.9.0.255")) + 20
    said = from_networks(4, here, networks, "group web")
    assert said == "10.9.1.19, is not in any of the 3 networks of group web; the nearest is 10.9.1.0/28"
    assert from_networks(6, 1, networks[:1], "group web") == "::1, is not in group web, which has no IPv6 address"


def test_the_smallest_common_network_is_what_the_standard_library_finds() -> None:
    rng = Random(5)
    for _ in range(500):
        a, b = (rng.getrandbits(32) & rng.getrandbits(32) for _ in range(2))
        length = rng.randrange(33)
        one = Network(4, a >> 32 - length << 32 - length, length)
        found = common(one, Network(4, b, 32))
        wanted = ip_network((one.value, length))
        while ip_address(b) not in wanted:
            wanted = wanted.supernet()
        assert (found.value, found.length) == (int(wanted.network_address), wanted.prefixlen)
