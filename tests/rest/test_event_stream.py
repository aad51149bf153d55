"""Server-sent events: what is sent in which order, resuming, resets, slow clients, and that streams starve nobody."""

from __future__ import annotations

import json
from typing import Any

import eventlet
import pytest
from webob import Request

from app.events import Events
from rest.server import Server
from tests.rest.local import AUTH, DPID, Client, LocalFirewall
from tests.rest.wire import BEARER, answer, ask, connect, get, send

STREAM = {"Accept": "text/event-stream"}


class Opened:
    """A stream opened without a socket; `next` gives what would be sent next."""

    def __init__(self, call: Client, path: str = "/v1/events", **headers: str) -> None:
        request = Request.blank(
            path, headers={**AUTH, **STREAM, **{n.replace("_", "-"): t for n, t in headers.items()}}
        )
        self.status, given, self.chunks = request.call_application(call.application)
        self.headers = dict(given)

    def next(self) -> list[dict[str, str]]:
        """The messages of one chunk, as their fields."""
        messages = next(self.chunks).decode().split("\n\n")  # type: ignore[call-overload]
        return [dict(line.split(": ", 1) for line in message.splitlines()) for message in messages if message]


def told(firewall: LocalFirewall, count: int, **data: Any) -> None:
    for index in range(count):
        firewall.events.add("switch.connected", switch=DPID, index=index, **data)


def indexes(messages: list[dict[str, str]]) -> list[int]:
    return [json.loads(message["data"])["index"] for message in messages if "data" in message]


def test_a_stream_begins_with_its_place_and_then_tells_what_happens(call: Client, firewall: LocalFirewall) -> None:
    told(firewall, 2)
    stream = Opened(call)
    assert (stream.status, stream.headers["Content-Type"]) == ("200 OK", "text/event-stream")
    assert stream.next() == [{"retry": "2000", "id": str(firewall.events.last)}]
    told(firewall, 2)
    first, second = stream.next()
    assert (first["event"], first["id"]) == ("switch.connected", str(firewall.events.last - 1))
    assert json.loads(first["data"])["switch"] == DPID
    assert json.loads(second["data"])["time"].endswith("Z")


def test_who_comes_back_gets_what_it_missed_once(call: Client, firewall: LocalFirewall) -> None:
    stream = Opened(call)
    place = stream.next()[0]["id"]
    seen: list[int] = []
    for _ in range(4):
        told(firewall, 3)
        stream = Opened(call, Last_Event_ID=place)
        stream.next()
        messages = stream.next()
        seen += indexes(messages)
        place = messages[-1]["id"]
        stream.chunks.close()  # type: ignore[attr-defined]
    assert seen == [0, 1, 2] * 4


def test_the_header_goes_before_the_query_of_the_first_connect(call: Client, firewall: LocalFirewall) -> None:
    told(firewall, 5)
    last = firewall.events.last
    stream = Opened(call, f"/v1/events?after={last - 4}", Last_Event_ID=str(last - 2))
    stream.next()
    assert indexes(stream.next()) == [3, 4]


@pytest.mark.parametrize("place", ["0", "12", "9999999999999999", "x"])
def test_a_place_that_is_gone_or_unknown_begins_with_a_reset(call: Client, firewall: LocalFirewall, place: str) -> None:
    told(firewall, 1)
    _, reset = Opened(call, Last_Event_ID=place).next()
    assert (reset["event"], reset["id"]) == ("reset", str(firewall.events.last))


def test_a_client_who_lags_behind_a_queue_is_told_and_left_and_can_resume(
    call: Client, firewall: LocalFirewall
) -> None:
    stream = Opened(call)
    stream.next()
    told(firewall, 1)
    place = stream.next()[-1]["id"]
    told(firewall, 257)  # while the client still takes the first
    (message,) = stream.next()
    assert message["event"] == "overflow"
    with pytest.raises(StopIteration):
        stream.next()
    assert firewall.events.overflows == 1
    again = Opened(call, Last_Event_ID=place)
    again.next()
    got: list[int] = []
    while len(got) < 257:
        got += indexes(again.next())
    assert got == list(range(257))


def test_a_burst_while_the_client_waits_is_no_reason_to_leave_it(call: Client, firewall: LocalFirewall) -> None:
    stream = Opened(call)
    stream.next()
    told(firewall, 1000)
    got: list[int] = []
    while len(got) < 1000:
        got += indexes(stream.next())
    assert got == list(range(1000))


def test_a_ping_brings_the_place_past_the_events_of_others(call: Client, firewall: LocalFirewall) -> None:
    stream = Opened(call, "/v1/events?type=port.active")
    stream.chunks._ping = 0.01  # type: ignore[attr-defined]
    stream.next()
    told(firewall, 9)
    ping = stream.next()
    assert ping[0]["id"] == str(firewall.events.last)
    assert "data" not in ping[0]


def test_what_a_stream_is_asked_for_is_checked_before_it_begins(call: Client) -> None:
    refused = call("GET", "/v1/events?type=nothing", headers=STREAM)
    assert (refused.status_int, refused.json["code"]) == (400, "invalid_query")
    assert call.firewall.events.followers == 0


def test_a_head_request_leaves_no_stream_open(call: Client) -> None:
    assert call("HEAD", "/v1/events", headers=STREAM).status_int == 200
    assert call.firewall.events.followers == 0


def test_one_caller_cannot_take_all_streams(call: Client, firewall: LocalFirewall) -> None:
    firewall.events = Events(streams=8)
    streams = [Opened(call) for _ in range(2)]
    refused = call("GET", "/v1/events", headers=STREAM)
    assert (refused.status_int, refused.json["code"]) == (503, "overloaded")
    assert refused.headers["Retry-After"] == "5"
    firewall.events.follow("another", None, lambda event: True)
    streams[0].chunks.close()  # type: ignore[attr-defined]
    assert Opened(call).status == "200 OK"


def test_a_stream_ends_when_its_token_is_revoked(call: Client, firewall: LocalFirewall) -> None:
    made = call("POST", "/v1/tokens", {"id": "feed", "role": "operator"}).json
    stream = Opened(call, Authorization=f"Bearer {made['token']}")
    stream.next()
    assert call("DELETE", "/v1/tokens/feed").status_int == 204
    told(firewall, 1)
    assert next(stream.chunks) == b": bye\n\n"  # type: ignore[call-overload]
    with pytest.raises(StopIteration):
        stream.next()


def test_a_tenant_sees_its_own_events_and_no_others(call: Client, firewall: LocalFirewall) -> None:
    made = call("POST", "/v1/tokens", {"id": "acme-view", "role": "viewer", "tenant": "acme"}).json
    headers = {"Authorization": f"Bearer {made['token']}"}
    begin = firewall.events.last
    stream = Opened(call, **headers)
    stream.next()
    told(firewall, 1)
    told(firewall, 1, tenant="other")
    firewall.events.add("port.active", tenant="acme", port="vm1", index=7)
    assert indexes(stream.next()) == [7]
    listed = call("GET", f"/v1/events?after={begin}", headers=headers).json["items"]
    assert [item["data"]["tenant"] for item in listed if item["type"] != "token.used-first"] == ["acme"]
    hidden = call("GET", "/v1/events?tenant=other", headers=headers)
    assert (hidden.status_int, hidden.json["code"]) == (404, "not_found")


# -- on a socket


def opened(server: Server) -> Any:
    client = connect(server)
    send(client, get("/v1/events", "Accept: text/event-stream\r\n"))
    status, headers, _ = answer(client)
    assert (status, headers["transfer-encoding"]) == (200, "chunked")
    return client


def read_until(client: Any, wanted: bytes) -> bytes:
    found = b""
    while wanted not in found:
        more = client.recv(4096)
        assert more, found
        found += more
    return found


def test_events_arrive_one_by_one_and_at_once(server: Server, firewall: LocalFirewall) -> None:
    client = opened(server)
    read_until(client, b"retry: 2000")
    for number in range(3):
        firewall.events.add("switch.connected", switch=DPID, number=number)
        read_until(client, b'"number":%d' % number)


def test_streams_hold_no_handler_slot(server: Server, firewall: LocalFirewall) -> None:
    firewall.events = Events(streams=32)
    clients = [opened(server) for _ in range(4)]  # there are two slots
    assert ask(server, get())[0] == 200
    assert firewall.events.followers == 4
    for client in clients:
        client.close()


def test_a_client_that_is_gone_is_found_by_a_ping(
    server: Server, firewall: LocalFirewall, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rest.resources.events.PING", 0.05)
    client = opened(server)
    assert firewall.events.followers == 1
    client.close()
    with eventlet.Timeout(5):
        while firewall.events.followers:
            eventlet.sleep(0.02)


def test_a_client_that_reads_nothing_is_left(
    server: Server, firewall: LocalFirewall, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = opened(server)
    with eventlet.Timeout(15):
        while firewall.events.followers:
            for _ in range(50):
                firewall.events.add("switch.warning", switch=DPID, detail="x" * 2000)
            eventlet.sleep(0.001)
    client.close()


def test_the_server_stops_at_once_although_streams_are_open(server: Server, firewall: LocalFirewall) -> None:
    client = opened(server)
    read_until(client, b"retry: 2000")
    with eventlet.Timeout(2):
        server.stop(5.0)
    assert firewall.events.followers == 0


def test_a_client_without_a_token_gets_no_stream(server: Server) -> None:
    text = get("/v1/events", "Accept: text/event-stream\r\n").replace(BEARER, "")
    assert ask(server, text)[0] == 401
