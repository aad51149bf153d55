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
        "free one. Beyond the loopback address set rest_certificate, or put a proxy with TLS in front.",
    ),
    cfg.StrOpt(
        "rest_socket",
        help="Absolute path of a unix socket on which the REST API listens too. Root needs no token there. Off unless "
        "set.",
    ),
    cfg.ListOpt(
        "rest_socket_users",
        default=[],
        help="Users, by name or number, who need no token on rest_socket either, and may do everything; separated by "
        "commas. With any, every user may connect to it, and the others need a token.",
    ),
    cfg.StrOpt("rest_private_key", help="Absolute path of the private key (PEM) of rest_certificate."),
    cfg.StrOpt(
        "rest_certificate",
        help="Absolute path of the certificate (PEM) of the REST API, followed by those that lead to its authority. "
        "With it rest_listen speaks TLS only. The files are read again when they change.",
    ),
    cfg.StrOpt(
        "rest_client_ca",
        help="Absolute path of the certificates (PEM) of those who may have signed certificates of clients. With it, "
        "a client that shows a certificate whose name stands for a token needs no other token.",
    ),
    cfg.BoolOpt(
        "require_if_match",
        default=False,
        help="Whether PUT, PATCH and DELETE of something that is there need If-Match (or revision in the body).",
    ),
    cfg.IntOpt(
        "write_rate",
        default=50,
        min=0,
        max=100_000,
        help="How many writes per second each caller of the REST API may go on with. 0: as many as it likes.",
    ),
    cfg.IntOpt(
        "write_burst", default=200, min=1, max=1_000_000, help="How many of them may come at once after a pause."
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
    cfg.IntOpt(
        "flow_limit",
        default=0,
        min=0,
        max=10_000_000,
        help="How many flows a switch may want. A change that would take one beyond is refused; so every change is "
        "computed beforehand, which costs some 10 ms each. 0: no limit.",
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
        "watch_interval",
        default=10,
        min=0,
        max=3600,
        help="How many seconds pass between two looks at what a switch has dropped and how full its zones are. 0: "
        "nobody looks, and events, /v1/drops, /v1/usage and metrics of it stay empty.",
    ),
    cfg.IntOpt(
        "drop_samples",
        default=0,
        min=0,
        max=3600,
        help="How many seconds pass between two looks at what the datapaths drop, for the log and /v1/drop-samples. "
        "Each look lists all flows of a datapath through the control socket, which keeps ovs-vswitchd's main thread "
        "meanwhile. 0: nobody looks.",
    ),
    cfg.BoolOpt("metrics_open", default=False, help="Whether /metrics of the REST API is answered without a token."),
    cfg.IntOpt(
        "audit_days",
        default=90,
        min=1,
        max=3650,
        help="How many days the entries of the REST API's audit log are kept.",
    ),
    cfg.IntOpt(
        "audit_size",
        default=256,
        min=1,
        max=65_536,
        help="How many MiB the audit log may take; beyond that the oldest entries go, however young they are. A start "
        "reads all of the database once.",
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
