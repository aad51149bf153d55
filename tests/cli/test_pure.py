"""Words, options, requests, streams, matrices: what needs no API."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest
import typer
from ruamel.yaml import YAML

from cli.commands.tokens import moment
from cli.commands.trace import end, protocol
from cli.connection import Connection
from cli.hoisting import hoisted
from cli.output import cell
from cli.places import Place, PlaceError
from cli.problems import refusal
from cli.request import Request
from cli.stream import Message, messages
from cli.traffic import remote, traffic, ways
from cli.words import as_json, as_yaml, clean, differences, path

EVIL = "\x1b]0;owned\x07\x9b31m\u202eab\r\n\x7f"


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        ("ports -t acme -o json", "-t acme -o json ports"),
        ("ports --output=json --curl --state active", "--output=json --curl ports --state active"),
        ("ports -ojson -tacme", "-ojson -tacme ports"),
        ("token list -o yaml", "-o yaml token list"),
        ("trace a b -- -t x", "trace a b -- -t x"),
        ("ports -o", "-o ports"),
        ("ct --port web-1", "ct --port web-1"),
    ],
)
def test_shared_options_may_stand_behind_the_command(said: str, meant: str) -> None:
    assert hoisted(said.split()) == meant.split()


def test_nothing_that_acts_on_a_terminal_is_left() -> None:
    assert clean(EVIL) == "?]0;owned??31m?ab???"
    assert cell([EVIL, "b"]).plain.isprintable()
    assert cell(EVIL).plain.isprintable()


def test_json_and_yaml_say_the_same_without_acting_on_a_terminal() -> None:
    document = {"description": EVIL + "žluť \U0001f600 \U000e0001", "on": "off", "mac": "10:20:30:40:50:59", "n": None}
    for text, read in ((as_json(document), json.loads), (as_yaml(document), YAML(typ="safe").load)):
        assert read(text) == document
        assert all(each.isprintable() or each == "\n" for each in text)
    assert as_yaml({"name": "žluť"}) == "name: žluť\n"


@pytest.mark.parametrize("name", ["..", ".", ""])
def test_a_name_leads_nowhere_else(name: str) -> None:
    assert path("tenants", "a/b?c") == "/v1/tenants/a%2Fb%3Fc"
    with pytest.raises(typer.BadParameter):
        path("tokens", name)


def test_a_change_tells_what_is_otherwise() -> None:
    change = {"op": "change", "before": {"a": 1, "b": 2}, "after": {"a": 1, "b": [EVIL], "c": "x"}}
    assert differences(change) == ['b: 2 -> ["\\u001b]0;owned\\u0007?31m?ab\\r\\n?"]', "c: nothing -> x"]
    assert differences({"op": "add", "before": None, "after": {"a": 1}}) == []


def test_a_question_is_in_the_words_of_the_api() -> None:
    assert [end(text) for text in ("web-1", "red/vm1", "192.0.2.1", "2001:db8::1", "ip:192.0.2.1")] == [
        "web-1", "red/vm1", "ip:192.0.2.1", "ip:2001:db8::1", "ip:192.0.2.1",
    ]  # fmt: skip
    assert protocol("TCP/22") == {"proto": "tcp", "dport": "22"}
    assert protocol("icmp/3.1") == {"proto": "icmp", "icmp_type": "3", "icmp_code": "1"}
    assert protocol("icmpv6") == {"proto": "icmpv6", "icmp_type": None, "icmp_code": None}
    for text in ("tcp/x", "tcp/1/2", "/22"):
        with pytest.raises(typer.BadParameter):
            protocol(text)


def test_rules_in_words() -> None:
    rule = {"protocol": "udp", "port_min": 5, "port_max": 9, "source_port_min": 67, "source_port_max": 67}
    assert traffic(rule) == "udp/5-9 from 67"
    assert traffic({"protocol": "icmpv6", "icmp_type": 3, "icmp_code": 1, "ethertype": "IPv6"}) == "ipv6 icmpv6/3.1"
    assert traffic({"protocol": None}) == "any"
    assert [remote(rule) for rule in ({"remote_group": "a"}, {"remote_address_group": "b"}, {"remote_cidr": None})] == [
        "group a", "address group b", "anybody",
    ]  # fmt: skip


def test_a_matrix_as_lines_joins_those_who_may_the_same() -> None:
    found = {
        "rows": ["a", "b", "c"], "cols": ["x", "y"], "partial": [[2, 0]],
        "cells": [[["tcp/1"], ["tcp/1"]], [["tcp/1"], ["tcp/1"]], ["*", "-"]],
    }  # fmt: skip
    assert ways(found) == [
        {"from": ["a", "b"], "traffic": "tcp/1", "to": ["x", "y"]},
        {"from": ["c"], "traffic": "~*", "to": ["x"]},
    ]


def test_a_moment_from_now() -> None:
    now = datetime(2026, 11, 23, 3, 0, tzinfo=UTC)
    assert moment("30d", now) == "2026-12-23T03:00:00Z"
    assert [moment(text, now) for text in ("2027-01-01T00:00:00Z", None)] == ["2027-01-01T00:00:00Z", None]


def test_a_stream_is_read_as_the_standard_frames_it() -> None:
    text = (
        'retry: 2000\nid: 7\n\n: ping\nid: 8\n\nid: 9\nevent: group.created\ndata: {"time":"t",\n'
        'data: "group":"g"}\n\nevent: overflow\ndata: {}\n\nid: 10\ndata: {"cut": "off"}'
    )
    found = list(messages(text.split("\n")[:-1]))
    data = {"time": "t", "group": "g"}
    assert found == [Message("7"), Message("8"), Message("9", "group.created", data), Message(None, "overflow", {})]
    assert found[2].event == {"id": 9, "time": "t", "type": "group.created", "data": {"group": "g"}}


def test_a_request_leaves_out_what_was_not_said() -> None:
    query = {"a": None, "b": True, "c": ["x", "y z"], "d": [], "e": 0}
    assert Request("GET", "/v1/x", query).target == "/v1/x?b=true&c=x&c=y+z&e=0"
    assert Request("GET", "/v1/x?after=1", {"b": 1}).target == "/v1/x?after=1&b=1"


@pytest.mark.parametrize("url", ["foo", "ftp://x", "http://[::1", "http://a:b", "https://x\x00y"])
def test_an_address_that_is_none_is_told(url: str) -> None:
    with pytest.raises(PlaceError):
        Connection(Place(url=url)).get("/v1/x")


def test_certificates_that_cannot_be_read_are_told() -> None:
    with pytest.raises(PlaceError, match=r"/nope.pem"):
        Connection(Place(url="https://localhost", ca="/nope.pem"))


def test_an_answer_that_is_not_the_apis_is_told() -> None:
    for content in (b"<html>", b"[]", b'{"detail": 3, "errors": 1}', b""):
        error = refusal(502, "Bad Gateway", content, Place(url="http://x"))
        assert str(error) == "http://x answers 502 Bad Gateway; is that ovswarden's API?"
        assert error.status == 502
