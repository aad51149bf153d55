"""The operator's settings: options of os-ken's own configuration, group ``[ovswarden]``, checked once at
start.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from oslo_config import cfg

from app.config_files import complain_of_unknown, written
from app.errors import StartError

GROUP = "ovswarden"
LEVELS = ("debug", "info", "warning", "error")
HOST = re.compile(r"[A-Za-z0-9]([A-Za-z0-9.-]{0,251}[A-Za-z0-9])?")
# sockaddr_un holds 107 bytes and a zero (unix(7)).
SOCKET_PATH_BYTES = 107
ETHERTYPE = re.compile(r"0[xX][0-9a-fA-F]{1,8}")
# IEEE 802.3: smaller numbers are lengths.
ETHERTYPE_FIRST, ETHERTYPE_LAST = 0x0600, 0xFFFF
OWN_ETHERTYPES = {
    0x0800: "IPv4, which rules are for",
    0x86DD: "IPv6, which rules are for",
    0x0806: "ARP, which the guard looks into and lets through",
    0x8035: "RARP, which the guard looks into and lets through",
    0x8100: "a VLAN tag: a sub-port is for tagged frames",
    0x88A8: "a VLAN tag (802.1ad), which is never let through",
}

OPTIONS = (
    cfg.StrOpt(
        "rest_listen",
        default="127.0.0.1:8080",
        help="Address and port of the REST API: host:port, [IPv6]:port, or empty for none. Port 0: any "
        "free one. There is no TLS here: beyond the loopback address, put a proxy in front.",
    ),
    cfg.StrOpt(
        "rest_socket",
        help="Absolute path of a unix socket on which the REST API listens too. Off unless set.",
    ),
    cfg.StrOpt(
        "state_dir",
        default="/var/lib/ovswarden",
        help="Directory of the database and the admin token. Made if absent; used by one process at a time.",
    ),
    cfg.ListOpt(
        "uplinks",
        default=[],
        help="Interfaces that lead to the outside and are trusted, on every switch that has no list of its "
        "own: names and shell patterns, separated by commas. Example: eth0,bond*",
    ),
    cfg.BoolOpt(
        "local_is_uplink",
        default=True,
        help="Whether a bridge's own port (LOCAL, the host itself) is trusted like an uplink.",
    ),
    cfg.BoolOpt(
        "keep_foreign_flows",
        default=False,
        help="Whether flows that ovswarden did not make stay in a bridge when it connects. They can let "
        "through what the policy forbids.",
    ),
    cfg.ListOpt(
        "guard_ethertypes",
        default=[],
        help="Ethertypes, besides ARP, IPv4, IPv6 and RARP, that ports may send and receive: hexadecimal numbers, "
        "separated by commas. No rule applies to them, only the guard of the MAC address. Example: 0x88cc",
    ),
    cfg.IntOpt("max_switches", default=64, min=1, max=4096, help="How many switches may be connected at once."),
    cfg.IntOpt(
        "rest_connections",
        default=128,
        min=1,
        max=4096,
        help="How many REST clients may be connected at once; more wait until one leaves.",
    ),
    cfg.StrOpt("log_level", default="info", choices=LEVELS, help="The least severe messages that are logged."),
    cfg.StrOpt(
        "log_format",
        default="console",
        choices=[("json", "one JSON object a line, for collectors"), ("console", "for people")],
        help="How messages are written to standard error.",
    ),
)


@dataclass(frozen=True, slots=True)
class Address:
    """Where to listen. `host` is a name or an address without brackets."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


@dataclass(frozen=True, slots=True)
class Settings:
    """All settings, valid."""

    rest_listen: Address | None
    rest_socket: str | None
    state_dir: str
    uplinks: tuple[str, ...]
    local_is_uplink: bool
    keep_foreign_flows: bool
    guard_ethertypes: tuple[int, ...]
    max_switches: int
    rest_connections: int
    log_level: Literal["debug", "info", "warning", "error"]
    log_format: Literal["json", "console"]


def list_opts() -> list[tuple[str, list[cfg.Opt]]]:
    """For oslo-config-generator."""
    return [(GROUP, list(OPTIONS))]


def register(conf: cfg.ConfigOpts) -> None:
    """Make the options known; doing it twice is harmless."""
    conf.register_opts(OPTIONS, group=GROUP)


def read(conf: cfg.ConfigOpts) -> Settings:
    """The settings of a parsed configuration. `StartError` names the option, its value, and what is wrong
    with it.
    """
    complain_of_unknown(conf, GROUP, tuple(option.dest for option in OPTIONS))
    values = {option.dest: _value(conf, option.dest) for option in OPTIONS}
    for name, parse in PARSERS.items():
        try:
            values[name] = parse(values[name])
        except ValueError as error:
            raise _wrong(name, values[name], str(error)) from error
    if values["rest_listen"] is None and values["rest_socket"] is None:
        raise _wrong("rest_listen", "", "without it rest_socket must be set, or nobody could reach the REST API")
    return Settings(**values)


def _value(conf: cfg.ConfigOpts, name: str) -> Any:
    try:
        return conf[GROUP][name]
    except ValueError as error:
        # "Value for option X from LocationInfo(...) is not valid: WHY", where WHY has the value.
        why = str(error).rpartition("is not valid: ")[2]
        raise _wrong(name, written(conf, GROUP, name), why) from error


def _wrong(name: str, value: Any, why: str) -> StartError:
    text = ",".join(value) if isinstance(value, list) else value
    return StartError(f"[{GROUP}] {name} = {text}: {why}")


def _parse_listen(text: str) -> Address | None:
    if not text:
        return None
    host, colon, port = text.rpartition(":")
    if not colon:
        raise ValueError("the port is missing: host:port")
    if not (port.isascii() and port.isdigit() and int(port) <= 65535):
        raise ValueError(f"{port!r} is not a port: 0 to 65535")
    return Address(_parse_host(host), int(port))


def _parse_host(text: str) -> str:
    if text.startswith("[") and text.endswith("]"):
        try:
            return str(ipaddress.IPv6Address(text[1:-1]))
        except ValueError:
            raise ValueError(f"{text[1:-1]!r} is not an IPv6 address") from None
    if ":" in text:
        raise ValueError("an IPv6 address stands in brackets: [::1]:8080")
    if re.fullmatch(r"[0-9.]+", text):
        try:
            return str(ipaddress.IPv4Address(text))
        except ValueError:
            raise ValueError(f"{text!r} is not an IPv4 address") from None
    if not HOST.fullmatch(text):
        raise ValueError(f"{text!r} is not a host")
    return text


def _parse_socket(text: str | None) -> str | None:
    if not text:
        return None
    if len(text.encode()) > SOCKET_PATH_BYTES:
        raise ValueError(f"a socket's path has at most {SOCKET_PATH_BYTES} bytes")
    return _parse_path(text)


def _parse_path(text: str) -> str:
    if not text.startswith("/") or "\0" in text:
        raise ValueError("not an absolute path")
    return text


def _parse_uplinks(names: list[str]) -> tuple[str, ...]:
    for name in names:
        if not re.fullmatch(r"[^\s/]+", name):
            raise ValueError(f"{name!r} is not the name of an interface, nor a pattern of names")
    return tuple(dict.fromkeys(names))


def _parse_ethertypes(words: list[str]) -> tuple[int, ...]:
    for word in words:
        if not ETHERTYPE.fullmatch(word):
            raise ValueError(f"{word!r} is not a hexadecimal number like 0x88cc")
    numbers = [int(word, 16) for word in words]
    for word, number in zip(words, numbers, strict=True):
        if number < ETHERTYPE_FIRST:
            raise ValueError(f"{word} is a length, not an ethertype: those begin at {ETHERTYPE_FIRST:#06x}")
        if number > ETHERTYPE_LAST:
            raise ValueError(f"{word} is no ethertype: those end at {ETHERTYPE_LAST:#06x}")
        if number in OWN_ETHERTYPES:
            raise ValueError(f"{word} is {OWN_ETHERTYPES[number]}")
    return tuple(dict.fromkeys(numbers))


PARSERS: dict[str, Callable[[Any], Any]] = {
    "rest_listen": _parse_listen,
    "rest_socket": _parse_socket,
    "state_dir": _parse_path,
    "uplinks": _parse_uplinks,
    "guard_ethertypes": _parse_ethertypes,
}
