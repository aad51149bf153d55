"""Text becomes canonical, or the reason why it cannot: names, addresses, networks, protocols.

Each ``parse_*`` function raises `Invalid`, which names the problem, says what is wrong and, where it can, what was
probably meant.
"""

from __future__ import annotations

import re

import netaddr

NAME = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")
PORT_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
DATAPATH_ID = re.compile(r"[0-9a-f]{16}")
# Linux' IFNAMSIZ leaves 15 characters; white space and '/' are never part of an interface name.
INTERFACE = re.compile(r"[^\s/\x00-\x1f\x7f]{1,15}")
PROTOCOLS = {"icmp": 1, "tcp": 6, "udp": 17, "sctp": 132}
PORT_PROTOCOLS = frozenset((6, 17, 132))
ICMP = 1


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


def parse_port_id(text: str) -> str:
    return _matching(PORT_ID, text, "invalid_port_id", "a port id")


def parse_interface(text: str) -> str:
    return _matching(INTERFACE, text, "invalid_interface", "an interface name")


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
    """An IPv4 address that a VM can own."""
    if "/" in text:
        raise Invalid("invalid_address", f"{text!r} has a prefix length", text.split("/")[0])
    try:
        address = netaddr.IPAddress(text, version=4, flags=netaddr.INET_PTON)
    except (netaddr.AddrFormatError, ValueError, TypeError):
        raise Invalid("invalid_address", f"{text!r} is not an IPv4 address") from None
    if int(address) == 0 or int(address) == 0xFFFFFFFF:
        raise Invalid("unusable_address", f"{address} cannot belong to a port")
    if address.is_multicast():
        raise Invalid("multicast_address", f"{address} is a multicast address")
    if address.is_loopback():
        raise Invalid("unusable_address", f"{address} is a loopback address")
    return str(address)


def parse_cidr(text: str) -> str:
    """An IPv4 network in canonical form. Host bits are refused: a firewall rule is never widened silently."""
    try:
        network = netaddr.IPNetwork(text, version=4)
    except (netaddr.AddrFormatError, ValueError, TypeError):
        raise Invalid("invalid_cidr", f"{text!r} is not an IPv4 network", "10.0.0.0/24") from None
    if network.ip != network.network:
        raise Invalid("host_bits_set", f"{text} has host bits set", str(network.cidr))
    return str(network.cidr)


def parse_protocol(text: str | int) -> int | None:
    """An IP protocol number, or None for any."""
    if text == "any":
        return None
    if isinstance(text, str):
        if text in PROTOCOLS:
            return PROTOCOLS[text]
        if not text.isascii() or not text.isdigit():
            raise Invalid(
                "unknown_protocol", f"{text!r} is not a protocol", "one of any, icmp, tcp, udp, sctp or 0-255"
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
