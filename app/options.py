"""The options of group ``[ovswarden]``: names, defaults, and what each is for; in the order of the sample file."""

from __future__ import annotations

from oslo_config import cfg

from app.core.limits import CONNECTIONS_LAST, RATE_LAST
from app.core.zones import DAY

LEVELS = ("debug", "info", "warning", "error")
YEAR = 31_536_000

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
    cfg.ListOpt(
        "switches",
        default=[],
        help="Datapath ids of the switches that may connect, separated by commas; others are refused. Empty: every "
        "switch may. Example: 00002ac3a1b2c3d4,00002ac3a1b2c3d5",
    ),
    cfg.StrOpt(
        "ovsdb",
        default="",
        help="Remote of the Open vSwitch database of every switch that has none of its own: unix:/path, "
        "tcp:address:port or ssl:address:port. Empty: none, and what needs it is off. "
        "Example: unix:/run/openvswitch/db.sock",
    ),
    cfg.StrOpt(
        "ovsdb_private_key", help="Absolute path of the private key (PEM) with which ssl: remotes are connected to."
    ),
    cfg.StrOpt("ovsdb_certificate", help="Absolute path of the certificate (PEM) of ovsdb_private_key."),
    cfg.StrOpt(
        "ovsdb_ca_cert",
        help="Absolute path of the certificates (PEM) of those who may have signed the certificates of ssl: remotes.",
    ),
    cfg.StrOpt(
        "control_socket",
        default="",
        help="Absolute path of the control socket of ovs-vswitchd, or of its run directory, for every switch that has "
        "none of its own. Empty: none, and what needs it is off. Example: /run/openvswitch",
    ),
    cfg.IntOpt(
        "connections",
        default=100_000,
        min=0,
        max=CONNECTIONS_LAST,
        help="How many connections each conntrack zone of a tenant may hold on each switch, unless the tenant has a "
        "limit of its own. 0: no limit.",
    ),
    cfg.IntOpt(
        "new_connections_per_second",
        default=0,
        min=0,
        max=RATE_LAST,
        help="How many connections a port may open per second, and how many it may accept, unless its tenant has a "
        "limit of its own. 0: no limit.",
    ),
    cfg.IntOpt(
        "new_connections_burst",
        default=0,
        min=0,
        max=RATE_LAST,
        help="How many of them may come at once, unless the tenant says so itself. 0: as many as in one second.",
    ),
    cfg.IntOpt(
        "zone_rest",
        default=DAY,
        min=0,
        max=YEAR,
        help="How many seconds the conntrack zone of a tenant that is gone rests before another one may get it.",
    ),
    cfg.IntOpt(
        "audit_interval",
        default=300,
        min=0,
        max=DAY,
        help="How many seconds pass between two comparisons of all flows of a switch with what is wanted. 0: none.",
    ),
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
