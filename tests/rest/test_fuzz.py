"""Whatever is sent: never a 5xx, never an exception, and a refusal changes nothing."""

from __future__ import annotations

import json
import re
from typing import Any
from urllib.parse import unquote_to_bytes

from hypothesis import given, settings
from hypothesis import strategies as st
from webob import Request, Response

from rest.routes import ROUTES
from tests.rest.local import AUTH, Client, LocalFirewall, image

GIVEN = """acme web vm1 ssh mon host-1 ingress egress tcp icmp icmpv6 any IPv4 IPv6 rules enforce off 10.0.0.1
    10.0.0.0/8 10.0.0.1/8 2001:db8::1 2001:db8::/32 ::/0 52:54:00:00:00:01 tap1 * 5s true ip:10.0.0.1 ip:2001:db8::1
    acme/vm1 0x1 0000000000000001 7"""
KNOWN = """key direction ethertype protocol port_min port_max icmp_type icmp_code remote_cidr mac addresses groups
    binding switch interface ofport egress labels description rules name id tenant revision status uplinks
    source_port_min source_port_max remote_group remote_address_group stateful vlan allowed_address_pairs address
    spoof_guard dhcp_server enabled tag cidrs add remove limits connections new_connections_per_second timeouts
    new_connections_burst udp_first iface_id ovsdb control_socket"""
WORDS, MEMBERS = st.sampled_from(GIVEN.split()), st.sampled_from(KNOWN.split())
SCALARS = WORDS | st.text(max_size=8) | st.integers(-2, 70000) | st.integers() | st.booleans() | st.none() | st.floats()
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(MEMBERS | st.text(max_size=5), inner, max_size=6),
    max_leaves=20,
)
CIDRS = st.sampled_from(["10.0.0.0/8", "0.0.0.0/0", "2001:db8::/32", "::/0", "10.0.0.1/8"])
GOOD_RULE = st.fixed_dictionaries(
    {"direction": st.sampled_from(["ingress", "egress"])},
    optional={
        "key": WORDS,
        "protocol": WORDS | st.integers(0, 256),
        "port_min": st.integers(0, 65536),
        "source_port_min": st.integers(0, 65536),
        "ethertype": st.sampled_from(["IPv4", "IPv6"]),
        "remote_cidr": CIDRS,
        "remote_group": st.sampled_from(["web", "none"]),
        "remote_address_group": st.sampled_from(["mon", "none"]),
        "stateful": st.booleans(),
        "x": SCALARS,
    },
)
GOOD_PAIR = st.fixed_dictionaries(
    {"address": CIDRS | st.sampled_from(["10.0.0.1", "2001:db8::1"])},
    optional={"mac": st.sampled_from(["52:54:00:00:00:01", "52:54:00:00:00:03"])},
)
GOOD_PORT = st.fixed_dictionaries(
    {"mac": st.sampled_from(["52:54:00:00:00:02", "52:54:00:00:00:01", "zz"])},
    optional={
        "addresses": st.lists(WORDS, max_size=2),
        "groups": st.lists(WORDS, max_size=2),
        "binding": VALUES,
        "vlan": st.integers(-1, 4095),
        "allowed_address_pairs": st.lists(GOOD_PAIR, max_size=3),
        "spoof_guard": WORDS,
        "enabled": st.booleans(),
    },
)
GOOD_SET = st.fixed_dictionaries(
    {}, optional={name: st.lists(CIDRS, max_size=3) for name in ("cidrs", "add", "remove")}
)
GOOD_LIMITS = st.fixed_dictionaries(
    {},
    optional={
        "connections": st.sampled_from([0, 5, -1, 2**32, None]),
        "new_connections_per_second": st.sampled_from([0, 5, 1_000_001]),
        "new_connections_burst": st.sampled_from([0, 5, None, "5"]),
        "timeouts": st.fixed_dictionaries({}, optional={"udp_first": st.integers(0, 3), "udp_frist": SCALARS}),
    },
)
BODIES = (
    VALUES
    | st.fixed_dictionaries({"limits": GOOD_LIMITS | VALUES})
    | GOOD_RULE
    | st.lists(GOOD_RULE, max_size=3)
    | GOOD_PORT
    | GOOD_SET
    | st.fixed_dictionaries({"rules": VALUES})
)
SEGMENTS = WORDS | st.text(max_size=6) | st.sampled_from(["%ff", "%00", "..", "%2F", "%", ";", "%C3%A9"])
NAMES = st.sampled_from(sorted({name for route in ROUTES for name in route.query})) | st.text(max_size=4)
QUERIES = st.lists(st.tuples(NAMES, WORDS | st.text(max_size=6)), max_size=4)
CONFIGS = st.fixed_dictionaries(
    {"version": st.sampled_from([1, 1, 1, 2])},
    optional={
        "owner": WORDS,
        "tenants": st.dictionaries(st.sampled_from(["acme", "umbrella"]), st.fixed_dictionaries({}, optional={
            "groups": st.dictionaries(WORDS, VALUES | st.fixed_dictionaries({"rules": VALUES}), max_size=2),
            "ports": st.dictionaries(WORDS, GOOD_PORT | VALUES, max_size=2),
            "address_groups": st.dictionaries(WORDS, GOOD_SET | VALUES, max_size=2),
            "assertions": VALUES,
            "quota": VALUES,
        }) | VALUES, max_size=2),
        "switches": VALUES,
        "guardrails": VALUES,
    },
)  # fmt: skip
BATCHES = st.fixed_dictionaries(
    {"operations": st.lists(st.fixed_dictionaries(
        {"method": st.sampled_from(["PUT", "PATCH", "DELETE", "POST", "GET"]),
         "path": st.sampled_from(["/v1/tenants/acme/groups/web", "/v1/tenants/umbrella/groups/web", "/v1/tokens",
                                  "/v1/tenants/acme/ports/vm1?x=1", "/v1/guardrails/g", "/v1/batch", "é",
                                  "/v1/config:apply", "/v1/tenants/acme/groups/web/rules",
                                  "/v1/tenants/acme/assertions"])},
        optional={"body": GOOD_RULE | GOOD_PORT | VALUES, "if_match": WORDS},
    ), max_size=3)}
)  # fmt: skip
BODIES = BODIES | CONFIGS | BATCHES
ACCEPTS = st.sampled_from(["*/*", "text/plain", "text/csv", "image/svg+xml", "text/html", "application/yaml", "é", "",
                           "application/json;q=0", "text/*;q=2", "application/openmetrics-text"])  # fmt: skip
TYPES = st.sampled_from(["application/json", "application/json", "application/merge-patch+json", "application/yaml",
                         "text/plain", "application/json; charset=utf-16", "multipart/form-data; boundary=x",
                         ";"])  # fmt: skip
METHODS = st.sampled_from(["GET", "PUT", "PATCH", "DELETE", "POST", "HEAD"])


@st.composite
def requests(draw: Any) -> Request:
    """Mostly paths of the route table, with keys that exist or cannot exist."""
    if draw(st.integers(0, 9)):
        route = draw(st.sampled_from(ROUTES))
        path = re.sub(r"<\w+>", lambda key: draw(SEGMENTS), route.path)
        method = route.method if draw(st.integers(0, 4)) else draw(METHODS)
    else:
        path, method = "/" + "/".join(draw(st.lists(SEGMENTS, max_size=5))), draw(METHODS)
    request = Request.blank("/", method=method, headers=AUTH)
    request.environ["PATH_INFO"] = _wsgi(path)
    request.environ["QUERY_STRING"] = "&".join(f"{name}={value}" for name, value in draw(QUERIES))
    if draw(st.booleans()):
        request.headers["If-Match"] = draw(st.sampled_from(['"1"', "1", "*", 'W/"1"', '"', "", "é"]))
    if draw(st.integers(0, 9)):
        request.environ["CONTENT_TYPE"] = draw(TYPES)
    if draw(st.booleans()):
        request.environ["HTTP_ACCEPT"] = _wsgi(draw(ACCEPTS))
    if draw(st.integers(0, 4)) == 0:
        request.environ["HTTP_IDEMPOTENCY_KEY"] = draw(st.sampled_from(["k1", '"k2"', "", "a b"]))
    request.body = draw(st.binary(max_size=20)) if not draw(st.integers(0, 9)) else json.dumps(draw(BODIES)).encode()
    return request


def _wsgi(path: str) -> str:
    return unquote_to_bytes(path.encode("utf-8", "surrogatepass")).decode("latin-1")


def has_cause(answer: Response) -> bool:
    """Only a switch could tell, and there is none."""
    return answer.status_int == 503 and answer.json["code"] == "switch_unreachable"


@settings(max_examples=600, deadline=None)
@given(st.lists(requests(), min_size=1, max_size=3))
def test_no_request_breaks_it_and_no_refusal_changes_anything(several: list[Request]) -> None:
    firewall = LocalFirewall()
    call = Client(firewall)
    call.put("/v1/tenants/acme")
    call.put("/v1/tenants/acme/groups/web", {"rules": [{"key": "ssh", "direction": "ingress"}]})
    call.put("/v1/tenants/acme/address-groups/mon", {"cidrs": ["10.0.0.0/8"]})
    call.put("/v1/tenants/acme/ports/vm1", {"mac": "52:54:00:00:00:01", "groups": ["web"]})
    for request in several:
        before = image(firewall.inventory)
        answer = call.send(request.copy())
        assert answer.status_int < 500 or has_cause(answer), answer.text
        if answer.status_int >= 400 or request.method in ("GET", "HEAD"):
            assert image(firewall.inventory) == before


OTHERS = re.compile(r"hidden|secret|10\.66\.")


@settings(max_examples=150, deadline=None)
@given(st.lists(requests(), min_size=1, max_size=3), st.sampled_from(["viewer", "tenant-admin"]))
def test_nobody_of_a_tenant_is_told_of_another_or_changes_it(several: list[Request], role: str) -> None:
    firewall = LocalFirewall()
    call = Client(firewall)
    call.put("/v1/tenants/acme")
    call.put("/v1/tenants/acme/groups/web", {"rules": [{"key": "ssh", "direction": "ingress"}]})
    call.put("/v1/tenants/umbrella", {"description": "hidden"})
    call.put("/v1/tenants/umbrella/groups/web", {"description": "secret"})
    call.put(
        "/v1/tenants/umbrella/ports/vm1",
        {"mac": "52:54:00:00:00:03", "addresses": ["10.66.0.1"], "groups": ["web"], "labels": {"hidden": "x"}},
    )
    made = call("POST", "/v1/tokens", {"id": "mine", "role": role, "tenant": "acme"})
    others = [kind for kind in firewall.inventory._tables if kind not in ("token",)]

    def of_others() -> Any:
        return {
            (kind, id): stored
            for kind in others
            for id, stored in firewall.inventory._tables[kind].items()
            if "acme" not in map(str, id if isinstance(id, tuple) else (id,))
        }

    before = of_others()
    for request in several:
        asked = request.copy()
        asked.headers["Authorization"] = f"Bearer {made.json['token']}"
        answer = call.send(asked)
        assert answer.status_int < 500 or has_cause(answer), answer.text
        is_stream = answer.content_type == "text/event-stream"
        path = request.environ["PATH_INFO"]  # `request.path` fails where it is not UTF-8
        is_open = path.startswith(("/ui", "/docs", "/openapi", "/problems"))
        if not is_stream and not is_open and not OTHERS.search(path + str(request.body)):
            assert not OTHERS.search(answer.text), answer.text
        assert of_others() == before
