"""The parameters of paths, queries and headers: what each means, and what it may be.

A name that means something else in one place has an entry of its own there: "events.after".
"""

from __future__ import annotations

from typing import Any, get_args

from app.core.belonging import EPOCHS
from app.core.connections import STATES as CONNECTION_STATES
from app.core.pipeline import Table
from app.core.port_parts import Part
from app.core.values import VLAN_LAST
from app.service import EVENT_TYPES
from rest.caller import ROLES
from rest.config import plans as config_plans
from rest.fields import (
    ADDRESS_JSON,
    CIDR_JSON,
    IFACE_ID_JSON,
    INTERFACE_JSON,
    MAC_JSON,
    NAME_JSON,
    PORT_ID_JSON,
    SWITCH_JSON,
)
from rest.paging import LIMIT, LIMIT_MAX
from rest.query import VALUE_MAX
from rest.resources import overview
from rest.resources.audit import ORDERS
from rest.resources.config import DELETES_MAX
from rest.resources.ports import STATES as PORT_STATES
from rest.resources.trace import STATES as TRACE_STATES

Told = dict[str, Any]
TENANT_JSON = NAME_JSON | {"examples": ["acme"]}
ID = {"type": "string", "pattern": "^[0-9]{1,16}$"}
PROTOCOL: Told = {
    "type": "string",
    "pattern": "^(any|icmp|icmpv6|tcp|udp|sctp|1?[0-9]{1,2}|2[0-4][0-9]|25[0-5])$",
    "examples": ["tcp"],
}
FIELD = "[a-z][a-z0-9_]{0,63}([.][A-Za-z0-9_-]{1,63}){0,3}"
FIELDS = {"type": "string", "pattern": f"^{FIELD}(,{FIELD})*$", "maxLength": VALUE_MAX, "examples": ["revision"]}
WAIT = {"type": "string", "pattern": "^([0-9]{1,4}ms|[12]?[0-9]([.][0-9]{1,3})?s|30s)$", "examples": ["5s"]}
CURSOR = {"type": "string", "pattern": "^[A-Za-z0-9_-]{2,400}$"}
TIME = {
    "type": "string",
    "pattern": "^20[0-9]{2}-(0[1-9]|1[0-2])-(0[1-9]|1[0-9]|2[0-8])T[01][0-9]:[0-5][0-9]:[0-5][0-9]Z$",
}
END = {"type": "string", "maxLength": 129, "examples": ["web-1", "ip:192.0.2.1"]}
ETAGS = {"type": "string", "examples": ['"4181"']}  # others are no error: they match nothing


def _text(what: str, **schema: Any) -> Told:
    return {"description": what, "schema": {"type": "string", "maxLength": VALUE_MAX} | schema}


def _is(what: str, schema: Told) -> Told:
    return {"description": what, "schema": schema}


def _number(what: str, low: int, high: int, **more: Any) -> Told:
    return {"description": what, "schema": {"type": "integer", "minimum": low, "maximum": high, **more}}


def _flag(what: str, **more: Any) -> Told:
    """``?name`` alone is meant as true."""
    return {"description": what, "schema": {"type": "boolean", **more}, "allowEmptyValue": True}


def _one_of(what: str, *options: str, **more: Any) -> Told:
    return {"description": what, "schema": {"type": "string", "enum": list(options), **more}}


def _some(what: str, *schemas: Told) -> Told:
    """A filter that may be repeated: any of its values will do."""
    of = schemas[0] if len(schemas) == 1 else {"anyOf": list(schemas)}
    many = {"type": "array", "items": of, "minItems": 1, "maxItems": 20}
    return {"description": f"{what}; may be repeated", "schema": many, "style": "form", "explode": True}


def _options(*options: str) -> Told:
    return {"type": "string", "enum": list(options)}


def _count(low: int, high: int) -> Told:
    return {"type": "integer", "minimum": low, "maximum": high}


PATHS: dict[str, Told] = {
    "tenant": _is("the tenant's name", TENANT_JSON),
    "port": _is("the port's id", PORT_ID_JSON),
    "group": _is("the group's name", NAME_JSON),
    "rule": _is("the rule's key", NAME_JSON),
    "guardrail": _is("the guardrail's name", NAME_JSON),
    "switch": _is("a switch by its name or its datapath id", SWITCH_JSON),
    "revision": _is(
        "a revision that an answer told", {"type": "integer", "minimum": 0, "maximum": 999_999_999_999_999}
    ),
    "token": _is("the token's id", NAME_JSON),
    "code": _is("an error code", {"type": "string", "pattern": "^[a-z0-9_]{1,64}$", "examples": ["invalid_body"]}),
    "version": _is("called after the files' content", {"type": "string", "pattern": "^a-[0-9a-f]{16}$"}),
    "name": _is("the file", {"type": "string", "pattern": "^[a-z]+/[A-Za-z0-9_.]+$"}),
}
HEADERS: dict[str, Told] = {
    "If-Match": _is("the ETag that was read: refused with 412 if it has changed since", ETAGS),
    "If-None-Match": _is("* : only if it does not exist yet; of a GET: 304 if that is what the client has", ETAGS),
    "Idempotency-Key": _is(
        "the same key within a day: the first answer again, and nothing is done twice",
        {"type": "string", "pattern": "^[A-Za-z0-9-]{1,128}$", "examples": ["3f1c9f0e-7d1d-4c55-9a57-2b0e8a6f0d11"]},
    ),
    "Last-Event-ID": _is("the id behind which a stream goes on; what is none begins anew", {"type": "string"}),
}
QUERIES: dict[str, Told] = {
    "fields": _is("only these members, with commas between them", FIELDS),
    "limit": _number("so many at most", 1, LIMIT_MAX, default=LIMIT),
    "after": _is("the place behind which to go on, as `next` has it", CURSOR),
    "wait": _is("wait so long, at most 30 s, until every connected switch has confirmed it", WAIT),
    "dry_run": _flag("tell what it would do, and do nothing"),
    "cascade": _flag("with everything in it"),
    "verbose": _flag("with the switches"),
    "name": _some("of this name", NAME_JSON),
    "label": _some("with this label: KEY, or KEY=VALUE", {"type": "string", "maxLength": VALUE_MAX}),
    "switch": _some("on this switch: its name or datapath id", SWITCH_JSON),
    "interface": _some("with this interface", INTERFACE_JSON),
    "iface_id": _some("with this interface id", IFACE_ID_JSON),
    "group": _some("in this group", NAME_JSON),
    "mac": _some("with this MAC address", MAC_JSON),
    "ip": _some("with this address", ADDRESS_JSON),
    "vlan": _some("in this segment", _count(0, VLAN_LAST)),
    "state": _some("in this state", _options(*PORT_STATES)),
    "part": _some("of this part of the pipeline", _options(*get_args(Part))),
    "direction": _some("of this direction", _options("ingress", "egress")),
    "ethertype": _some("of this family", _options("IPv4", "IPv6")),
    "protocol": _some("of this protocol", PROTOCOL),
    "remote_group": _some("naming this group", NAME_JSON),
    "remote_address_group": _some("naming this address group", NAME_JSON),
    "connected": _some("connected, or not", _options("true", "false")),
    "action": _one_of("of this action", "allow", "deny"),
    "role": _some("of this role", _options(*ROLES)),
    "tenant": _some("of this tenant", TENANT_JSON),
    "port": _some("of this port", PORT_ID_JSON),
    "owner": _is("what this owner keeps", NAME_JSON),
    "prune": _one_of("what of the things that the document lacks goes", *config_plans.PRUNES, default="none"),
    "confirm_deletes": _number("so many deletions are meant", 0, DELETES_MAX),
    "actor": _some("by this caller", {"type": "string", "maxLength": VALUE_MAX}),
    "since": _is(
        "since that time, RFC 3339, or so long ago: 1h",
        {"anyOf": [TIME, {"type": "string", "pattern": "^[0-9]{1,5}[smh]$"}]},
    ),
    "order": _one_of("the oldest or the newest first", *ORDERS, default="oldest"),
    "path": _text("of this path, or below it", pattern="^/[a-z][a-z0-9/-]*$", examples=["/tenants/acme"]),
    "type": _some("of this type", _options(*EVENT_TYPES)),
    "reason": _some("for this reason", {"type": "string", "pattern": "^[a-z0-9_]{1,32}$"}),
    "step": _number("seconds, whole minutes", 60, 7200, multipleOf=60, default=60),
    "table": _text(
        "of this table: its name or number",
        pattern=f"^({'|'.join(Table.__members__)}|[0-9]|[1-9][0-9]|1[0-9]{{2}}|2[0-4][0-9]|25[0-4])$",
        examples=["POLICY"],
    ),
    "all": _flag("all of them; needed if nothing else is said"),
    "rule": _some(
        "admitted by this rule: GROUP/KEY, default or gone",
        {"type": "string", "pattern": "^([a-z0-9]{1,20}/[a-z0-9]{1,20}|default|gone)$"},
    ),
    "epoch": _some("whose policy is current, old, or none", _options(*EPOCHS)),
    # -- where they mean something of their own
    "overview.limit": _number("so many ports of each switch at most", 1, overview.PORTS_MAX, default=overview.PORTS),
    "events.after": _is("the id behind which to go on; without it, what is kept", ID),
    "audit.after": _is("the id behind which to go on", ID),
    "switches.name": _some("of this name", NAME_JSON),
    "guardrails.tenant": _is("that concern this tenant", NAME_JSON),
    "config.tenant": _is("of this tenant", NAME_JSON),
    "conntrack.state": _some("in this state of TCP", _options(*CONNECTION_STATES)),
    "conntrack.src": _some("from an address of this network", CIDR_JSON),
    "conntrack.dst": _some("to an address of this network", CIDR_JSON),
    "conntrack.sport": _some("from this port", _count(0, 65535)),
    "conntrack.dport": _some("to this port", _count(0, 65535)),
    "trace.src": _is("who sends: a port, TENANT/PORT, or ip:ADDRESS", END) | {"required": True},
    "trace.dst": _is("who is meant: a port, TENANT/PORT, or ip:ADDRESS", END) | {"required": True},
    "trace.proto": _is("its protocol", PROTOCOL),
    "trace.sport": _number("its source port; any if not said", 0, 65535),
    "trace.dport": _number("its destination port; any if not said", 0, 65535),
    "trace.icmp_type": _number("its ICMP type", 0, 255),
    "trace.icmp_code": _number("its ICMP code", 0, 255),
    "trace.ct_state": _one_of("of a connection that is", *TRACE_STATES, default="new"),
    "trace.mac": _is("its source MAC address, if not the port's", MAC_JSON),
    "trace.ip": _is("its source address, if not the port's", ADDRESS_JSON),
    "trace.vlan": _number("the segment of an ip: end", 0, VLAN_LAST),
    "trace.conntrack": _flag("with the connections that it may belong to", default=True),
    "trace.datapath": _flag("with what the switches' own ofproto/trace says"),
    "reachability.by": _one_of("a row for each", "group", "port", default="group"),
    "reachability.proto": _is("only of this protocol", PROTOCOL),
    "reachability.dport": _number("only to this port", 0, 65535),
    "reachability.ethertype": _one_of("only of this family", "IPv4", "IPv6"),
    "reachability.from": _some("from this end: a name, group:GROUP, port:PORT, ip:NETWORK or any", END),
    "reachability.to": _some("to this end", END),
    "reachability.outside": _flag("with a row and a column for everybody else"),
}


def query(module: str, name: str) -> Told:
    """A parameter of a handler in that module of `rest.resources`. `KeyError` for one that nobody described."""
    module = {"conntrack_flush": "conntrack"}.get(module, module)
    return QUERIES[own if (own := f"{module}.{name}") in QUERIES else name]
