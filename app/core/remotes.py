"""Where a switch's other doors are: the remote of its database and the control socket of its ovs-vswitchd.

Each ``parse_*`` function returns the text in canonical form or raises `Invalid`.
"""

from __future__ import annotations

import re
from typing import Literal

import netaddr

from app.core.parsing import Invalid

HOST = re.compile(r"[A-Za-z0-9]([A-Za-z0-9.-]{0,251}[A-Za-z0-9])?")
IPV4 = re.compile(r"[0-9.]+")
PATH_BYTES = 4095  # PATH_MAX without its zero
REMOTES = "unix:/run/openvswitch/db.sock, tcp:192.0.2.1:6640 or ssl:192.0.2.1:6640"


def parse_path(text: str) -> str:
    """An absolute path."""
    if not text.startswith("/"):
        raise Invalid("invalid_path", f"{text!r} is not an absolute path")
    if any(ord(character) < 0x20 or character == "\x7f" for character in text):
        raise Invalid("invalid_path", f"{text!r} has control characters")
    if len(text.encode(errors="surrogatepass")) > PATH_BYTES:
        raise Invalid("invalid_path", f"a path has at most {PATH_BYTES} bytes")
    return text


def parse_control_socket(text: str) -> str:
    """The path of the control socket of ovs-vswitchd, or of its run directory (ovs-appctl(8)). Empty: none."""
    return parse_path(text) if text else text


def parse_remote(text: str) -> str:
    """An OVSDB remote that one connects to (ovsdb(7)): a unix socket, or an address and a port. Empty: none.

    Names are refused: the `ovs` package looks them up only with libunbound, and without it would go to ourselves.
    """
    kind, colon, rest = text.partition(":")
    if not text:
        return text
    if not colon or kind not in ("unix", "tcp", "ssl"):
        raise Invalid("invalid_remote", f"{text!r} is not a remote", REMOTES)
    if kind == "unix":
        return f"unix:{parse_path(rest)}"
    host, colon, port = rest.rpartition(":")
    if not colon or not host:
        raise Invalid("invalid_remote", f"{text!r} names no port", f"{kind}:{rest.rstrip(':') or '192.0.2.1'}:6640")
    number = parse_tcp_port(port)
    if not number:
        raise Invalid("out_of_range", f"{port} is not a port to connect to: 1 to 65535")
    if HOST.fullmatch(host) and not IPV4.fullmatch(host):
        raise Invalid("invalid_host", f"{host!r} is a name; a remote has an address", f"{kind}:192.0.2.1:{number}")
    host = parse_host(host)
    return f"{kind}:[{host}]:{number}" if ":" in host else f"{kind}:{host}:{number}"


def parse_tcp_port(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= 5 and int(text) <= 65535):
        raise Invalid("out_of_range", f"{text!r} is not a port: 0 to 65535")
    return int(text)


def parse_host(text: str) -> str:
    """A host's name, or an address; an IPv6 address stands in brackets and is returned without them."""
    if text.startswith("[") and text.endswith("]"):
        return _address(text[1:-1], 6)
    if ":" in text:
        raise Invalid("invalid_host", "an IPv6 address stands in brackets: [::1]:8080")
    if IPV4.fullmatch(text):
        return _address(text, 4)
    if not HOST.fullmatch(text):
        raise Invalid("invalid_host", f"{text!r} is not a host")
    return text


def _address(text: str, version: Literal[4, 6]) -> str:
    try:
        return str(netaddr.IPAddress(text, version=version, flags=netaddr.INET_PTON))
    except (netaddr.AddrFormatError, ValueError):
        raise Invalid("invalid_host", f"{text!r} is not an IPv{version} address") from None
