"""The operator's settings: options of os-ken's own configuration, group ``[ovswarden]``, checked once at
start.
"""

from __future__ import annotations

import pwd
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from oslo_config import cfg

from app.config_files import complain_of_unknown, written
from app.core.limits import Defaults, Rate
from app.core.parsing import parse_datapath_id
from app.core.remotes import parse_control_socket, parse_host, parse_path, parse_remote, parse_tcp_port
from app.errors import StartError
from app.options import OPTIONS

GROUP = "ovswarden"
# sockaddr_un holds 107 bytes and a zero (unix(7)).
SOCKET_PATH_BYTES = 107
TLS_OPTIONS = ("ovsdb_private_key", "ovsdb_certificate", "ovsdb_ca_cert")
# What is of no use without what.
REST_NEEDS = (
    ("rest_certificate", "rest_private_key"),
    ("rest_private_key", "rest_certificate"),
    ("rest_client_ca", "rest_certificate"),
    ("rest_certificate", "rest_listen"),
    ("rest_socket_users", "rest_socket"),
)
REST_TLS_OPTIONS = ("rest_private_key", "rest_certificate", "rest_client_ca")
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
    rest_socket_users: tuple[int, ...]
    rest_private_key: str | None
    rest_certificate: str | None
    rest_client_ca: str | None
    require_if_match: bool
    write_rate: int
    write_burst: int
    state_dir: str
    uplinks: tuple[str, ...]
    local_is_uplink: bool
    keep_foreign_flows: bool
    guard_ethertypes: tuple[int, ...]
    flow_limit: int
    max_switches: int
    switches: tuple[str, ...]
    ovsdb: str
    ovsdb_private_key: str | None
    ovsdb_certificate: str | None
    ovsdb_ca_cert: str | None
    control_socket: str
    connections: int
    new_connections_per_second: int
    new_connections_burst: int
    zone_rest: int
    audit_interval: int
    watch_interval: int
    drop_samples: int
    metrics_open: bool
    audit_days: int
    audit_size: int
    rest_connections: int
    log_level: Literal["debug", "info", "warning", "error"]
    log_format: Literal["json", "console"]

    @property
    def rate(self) -> Rate:
        """What holds for tenants that say nothing about the rate, or only half of it."""
        return Rate(self.new_connections_per_second, self.new_connections_burst)

    @property
    def limits(self) -> Defaults:
        return Defaults(self.connections, self.rate)


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
    _check_tls(values)
    _check_rest_tls(values)
    return Settings(**values)


def _check_tls(values: dict[str, Any]) -> None:
    """A key is of no use without its certificate, nor are both to anybody who does not know whom to trust."""
    missing = [name for name in TLS_OPTIONS if values[name] is None]
    given = [name for name in TLS_OPTIONS if values[name] is not None]
    if given and missing:
        raise _wrong(given[0], values[given[0]], f"without {' and '.join(missing)} it is of no use")
    if missing and values["ovsdb"].startswith("ssl:"):
        raise _wrong("ovsdb", values["ovsdb"], f"it needs {', '.join(missing)}")


def _check_rest_tls(values: dict[str, Any]) -> None:
    """What nobody would notice to be missing: a client without a certificate is let in with a token."""
    for name, other in REST_NEEDS:
        if values[name] and not values[other]:
            said = values[name] if isinstance(values[name], str) else list(map(str, values[name]))
            raise _wrong(name, said, f"without {other} it is of no use")


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
    return Address(parse_host(host), parse_tcp_port(port))


def _parse_socket(text: str | None) -> str | None:
    if not text:
        return None
    if len(text.encode()) > SOCKET_PATH_BYTES:
        raise ValueError(f"a socket's path has at most {SOCKET_PATH_BYTES} bytes")
    return parse_path(text)


def _parse_optional_path(text: str | None) -> str | None:
    return parse_path(text) if text else None


def _parse_users(words: list[str]) -> tuple[int, ...]:
    return tuple(dict.fromkeys(_user(word) for word in words))


def _user(word: str) -> int:
    """A user's number. One that is not known here would be nobody's now and somebody's later."""
    try:
        return int(word) if word.isascii() and word.isdigit() else pwd.getpwnam(word).pw_uid
    except KeyError:
        raise ValueError(f"there is no user {word}") from None


def _parse_switches(words: list[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(parse_datapath_id(word) for word in words))


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
    "state_dir": parse_path,
    "uplinks": _parse_uplinks,
    "guard_ethertypes": _parse_ethertypes,
    "switches": _parse_switches,
    "ovsdb": parse_remote,
    **dict.fromkeys((*TLS_OPTIONS, *REST_TLS_OPTIONS), _parse_optional_path),
    "rest_socket_users": _parse_users,
    "control_socket": parse_control_socket,
}
