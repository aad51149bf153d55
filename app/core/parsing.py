"""Text becomes canonical, or the reason why it cannot: names, addresses, networks, protocols.

Each ``parse_*`` function raises `Invalid`, which names the problem, says what is wrong and, where it can, what was
probably meant.
"""

from __future__ import annotations

import re
import socket
from typing import Literal

import netaddr

NAME = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")
PORT_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
DATAPATH_ID = re.compile(r"[0-9a-f]{16}")
# Linux' IFNAMSIZ leaves 15 characters; white space and '/' are never part of an interface name.
INTERFACE = re.compile(r"[^\s/\x00-\x1f\x7f]{1,15}")
# What OVSDB has under external_ids:iface-id: printable, without white space.
IFACE_ID = re.compile(r"[!-~]{1,255}")
PROTOCOLS = {"icmp": 1, "tcp": 6, "udp": 17, "icmpv6": 58, "sctp": 132}
PORT_PROTOCOLS = frozenset((6, 17, 132))
ICMP, ICMPV6 = 1, 58
WIDTH = {4: 32, 6: 128}  # of an address, in bits
Family = Literal["IPv4", "IPv6"]


class Invalid(ValueError):
    """A value that cannot be: `code` is the stable machine word, `hint` what was probably meant."""

    def __init__(self, code: str, detail: str, hint: str | None = None) -> None:
        super().__init__(detail)
        self.code, self.detail, self.hint = code, detail, hint


def _matching(pattern: re.Pattern[str], text: str, code: str, what: str) -> str:
    if not pattern.fullmatch(text):
        raise Invalid(code, f"{text!r} is not {what} ({pattern.pattern})")
    return text


def parse_name(text: str) -> str:
    """The key of a tenant, group or rule."""
    return _matching(NAME, text, "invalid_name", "a name")


def parse_owner(text: str) -> str:
    """Who keeps something in a declared configuration: a name, or nobody."""
    return parse_name(text) if text else ""


def parse_port_id(text: str) -> str:
    return _matching(PORT_ID, text, "invalid_port_id", "a port id")


def parse_interface(text: str) -> str:
    return _matching(INTERFACE, text, "invalid_interface", "an interface name")


def parse_iface_id(text: str) -> str:
    """What an interface of the database is called by ``external_ids:iface-id``."""
    if not IFACE_ID.fullmatch(text):
        raise Invalid("invalid_iface_id", f"{text!r} is not an interface id: 1 to 255 printable characters, no spaces")
    return text


def parse_mac(text: str) -> str:
    """A unicast, non-zero MAC address, lower case with colons."""
    try:
        address = netaddr.EUI(text, version=48, dialect=netaddr.mac_unix_expanded)
    except (netaddr.AddrFormatError, ValueError, TypeError):
        raise Invalid("invalid_mac", f"{text!r} is not a MAC address", "52:54:00:12:34:56") from None
    if int(address) == 0:
        raise Invalid("zero_mac", "the all-zero MAC address belongs to nobody")
    if int(address) >> 40 & 1:
        raise Invalid("multicast_mac", f"{address} is a multicast MAC address")
    return str(address)


def parse_address(text: str) -> str:
    """An IPv4 or IPv6 address that a VM can own, in canonical form (RFC 5952)."""
    if "/" in text:
        raise Invalid("invalid_address", f"{text!r} has a prefix length", text.split("/")[0])
    try:
        address = netaddr.IPAddress(text, flags=netaddr.INET_PTON)
    except (netaddr.AddrFormatError, ValueError, TypeError):
        raise Invalid("invalid_address", f"{text!r} is not an IP address") from None
    if int(address) == 0 or (address.version == 4 and int(address) == 0xFFFFFFFF):
        raise Invalid("unusable_address", f"{address} cannot belong to a port")
    if address.is_multicast():
        raise Invalid("multicast_address", f"{address} is a multicast address")
    if address.is_loopback():
        raise Invalid("unusable_address", f"{address} is a loopback address")
    if address.version == 6 and (address.is_ipv4_mapped() or address.is_ipv4_compat()):
        raise Invalid("unusable_address", f"{address} is an IPv4 address in IPv6 form", str(address.ipv4()))
    return _canonical(address)


def parse_cidr(text: str) -> str:
    """An IPv4 or IPv6 network in canonical form. Host bits are refused: a firewall rule is never widened silently."""
    network = _network(text)
    if network.ip != network.network:
        raise Invalid("host_bits_set", f"{text} has host bits set", _with_length(network.cidr))
    return _with_length(network)


def parse_pair_address(text: str) -> str:
    """The address of an allowed address pair: an address, or a network of more than one; canonical."""
    network = _network(text)
    if network.prefixlen == WIDTH[network.version]:
        return parse_address(text.split("/")[0])
    if network.ip != network.network:
        raise Invalid("host_bits_set", f"{text} has host bits set", _with_length(network.cidr))
    if network.prefixlen and int(network.network) == 0:
        every = _with_length(netaddr.IPNetwork((0, 0), version=network.version))
        raise Invalid("unusable_address", f"{text} contains the address of nobody", every)
    if network.prefixlen and network.is_multicast():
        raise Invalid("multicast_address", f"{text} is a multicast network")
    return _with_length(network)


def family_of(address: str) -> Family:
    """Of a canonical address or network."""
    return "IPv6" if ":" in address else "IPv4"


def link_local(mac: str) -> str:
    """The IPv6 link-local address that a canonical MAC address gives (EUI-64, RFC 4291 appendix A)."""
    number = int(mac.replace(":", ""), 16) ^ 0x02_00_00_00_00_00
    interface = (number >> 24) << 40 | 0xFFFE << 24 | number & 0xFFFFFF
    return socket.inet_ntop(socket.AF_INET6, (0xFE80 << 112 | interface).to_bytes(16, "big"))


def _network(text: str) -> netaddr.IPNetwork:
    address, slash, length = text.partition("/")
    try:
        netaddr.IPAddress(address, flags=netaddr.INET_PTON)
        if slash and not (length.isascii() and length.isdigit()):
            raise ValueError("a netmask is not a prefix length")
        return netaddr.IPNetwork(text)
    except (netaddr.AddrFormatError, ValueError, TypeError):
        raise Invalid("invalid_cidr", f"{text!r} is not an IP network", "10.0.0.0/24 or 2001:db8::/64") from None


def _with_length(network: netaddr.IPNetwork) -> str:
    return f"{_canonical(network.network)}/{network.prefixlen}"


def _canonical(address: netaddr.IPAddress) -> str:
    return socket.inet_ntop(socket.AF_INET6, address.packed) if address.version == 6 else str(address)


def parse_protocol(text: str | int) -> int | None:
    """An IP protocol number, or None for any."""
    if text == "any":
        return None
    if isinstance(text, str):
        if text in PROTOCOLS:
            return PROTOCOLS[text]
        if not text.isascii() or not text.isdigit():
            raise Invalid(
                "unknown_protocol", f"{text!r} is not a protocol", "one of any, icmp, icmpv6, tcp, udp, sctp or 0-255"
            )
        text = int(text)
    if not 0 <= text <= 255:
        raise Invalid("out_of_range", f"protocol {text} is not in 0..255")
    return text


def protocol_name(number: int | None) -> str:
    """The canonical spelling of a protocol: a name where there is one, else the number."""
    if number is None:
        return "any"
    return next((name for name, known in PROTOCOLS.items() if known == number), str(number))


def parse_datapath_id(text: str) -> str:
    """A datapath id as 16 lower-case hexadecimal digits; a leading ``0x`` and missing zeros are put right."""
    digits = text.lower().removeprefix("0x").replace(":", "").rjust(16, "0")
    return _matching(DATAPATH_ID, digits, "invalid_datapath_id", "a datapath id")
