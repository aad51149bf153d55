"""The dashboard's files, and the two resources that were made for it."""

from __future__ import annotations

import re

import pytest
from webob import Request, Response

from app.events import TYPES
from app.service import SwitchStatus
from tests.rest.local import DPID, Client, LocalFirewall
from ui import assets


def opened(call: Client, path: str, **headers: str) -> Response:
    """As a browser that shows nothing."""
    return Request.blank(path, headers=headers).get_response(call.application)


def loaded(call: Client, pattern: str) -> list[str]:
    """The paths of what the page names."""
    return ["/ui/" + path for path in re.findall(pattern, opened(call, "/ui/").text)]


# -- the page


def test_the_page_needs_no_token_and_says_nothing_of_anybody(call: Client) -> None:
    page = opened(call, "/ui/", Accept="text/html,application/xhtml+xml;q=0.9")

    assert page.status_int == 200
    assert page.content_type == "text/html"
    assert "X-Revision" not in page.headers
    assert "acme" not in page.text


def test_its_short_path_leads_to_it_behind_any_prefix(call: Client) -> None:
    answer = opened(call, "/ui")

    assert (answer.status_int, answer.headers["Location"]) == (308, "ui/")


def test_nothing_from_elsewhere_and_nothing_inline_can_run_in_it(call: Client) -> None:
    page = opened(call, "/ui/")

    policy = page.headers["Content-Security-Policy"].split("; ")
    assert {"default-src 'self'", "frame-ancestors 'none'", "base-uri 'none'", "object-src 'none'"} <= set(policy)
    assert not [part for part in policy if "unsafe" in part or "http" in part or "*" in part]
    assert "<script>" not in page.text
    assert not re.search(r"\s(style|on\w+)=", page.text)


def test_every_file_that_the_page_names_is_there_and_of_its_type(call: Client) -> None:
    types = {"js": "text/javascript", "css": "text/css", "svg": "image/svg+xml"}

    named = loaded(call, r'(?:src|href)="([^"#]+)"')
    assert len(named) > 5
    for path in named:
        file = opened(call, path)
        assert (file.status_int, file.content_type) == (200, types[path.rpartition(".")[2]]), path


def test_every_module_that_a_module_imports_is_there() -> None:
    files = assets().files
    for path, asset in files.items():
        if "/js/" in path:
            for name in re.findall(r'from "\./([a-z_]+\.js)"', asset.content.decode()):
                assert path.rpartition("/")[0] + "/" + name in files, path


def test_what_is_vendored_comes_with_its_licence() -> None:
    assert [path for path in assets().files if path.endswith("vendor/LICENSE.uPlot")]


def test_no_file_of_ours_is_long_and_none_writes_html() -> None:
    for path, asset in assets().files.items():
        if "/vendor/" not in path:
            text = asset.content.decode()
            assert len(text.splitlines()) < 250, path
            assert not re.search(
                r"innerHTML\s*=|insertAdjacentHTML|outerHTML|document\.write|eval\(|https?://", text
            ) or path.endswith((".svg", "/dom.js")), path


# -- caching


def test_a_page_that_is_known_is_not_sent_again_but_always_asked_for(call: Client) -> None:
    page = opened(call, "/ui/")
    again = opened(call, "/ui/", **{"If-None-Match": f'"other", W/{page.headers["ETag"]}'})

    assert page.headers["Cache-Control"] == "no-cache"
    assert page.headers.getall("Cache-Control") == ["no-cache"]
    assert (again.status_int, again.body, again.headers["ETag"]) == (304, b"", page.headers["ETag"])
    assert opened(call, "/ui/", **{"If-None-Match": '"other"'}).status_int == 200


def test_what_it_loads_may_be_kept_for_ever_because_its_path_says_its_content(call: Client) -> None:
    (script,) = loaded(call, r'src="([^"]+main\.js)"')
    file = opened(call, script)

    assert "immutable" in file.headers["Cache-Control"]
    assert opened(call, script, **{"If-None-Match": file.headers["ETag"]}).status_int == 304
    assert opened(call, re.sub(r"a-[0-9a-f]+", "a-0000000000000000", script)).status_int in (401, 404)


@pytest.mark.parametrize(
    "path", ["../__init__.py", "js/../../__init__.py", "__init__.py", "..%2f__init__.py", "/etc/passwd", "js/", "js"]
)
def test_nothing_but_its_own_files_is_served(call: Client, path: str) -> None:
    version = loaded(call, r'src="(a-[0-9a-f]+/)[^"]+main\.js"')[0]

    assert opened(call, version + path).status_int in (400, 401, 404)


def test_it_hears_of_every_type_of_event_that_there_is() -> None:
    (live,) = (asset.content.decode() for path, asset in assets().files.items() if path.endswith("/js/live.js"))
    listed = re.search(r"TYPES = \[(.*?)\n\];", live, re.DOTALL)
    assert listed
    said = set(re.findall(r'"([a-z_]+\.[a-z_-]+)"', listed[1]))
    kinds, whats = (re.findall(r'"([a-z_]+)"', part) for part in re.findall(r"\[((?:\"[a-z_]+\",? ?)+)\]", listed[1]))
    said |= {f"{kind}.{what}" for kind in kinds for what in whats}

    assert set(TYPES) <= said


# -- what was made for it


def up(firewall: LocalFirewall) -> None:
    firewall.statuses[DPID] = SwitchStatus(
        DPID, True, "synced", wanted_revision=5, applied_revision=5, flows=40, uplinks=("ext",),
        last_push={"flow_mods": 3, "seconds": 0.02, "revision": 5},
        drift={"audited_at": "2026-11-22T15:00:00Z", "missing": 1, "extra": 0, "altered": 0, "repaired": 1},
    )  # fmt: skip
    firewall.port_states["vm1"], firewall.places["vm1"] = "active", DPID


def test_the_overview_counts_switches_and_ports(call: Client, firewall: LocalFirewall) -> None:
    up(firewall)
    firewall.statuses["00000000000000aa"] = SwitchStatus("00000000000000aa", False, "disconnected")
    firewall.statuses["00000000000000bb"] = SwitchStatus(
        "00000000000000bb", True, "pushing", wanted_revision=5, applied_revision=2
    )

    body = call.get("/v1/overview").json

    assert body["ports"] == {"total": 1, "building": 0, "active": 1, "down": 0, "error": 0}
    assert body["tenants"] == [{"name": "acme", "ports": body["ports"]}]
    switches = body["switches"]
    assert (switches["total"], switches["connected"], switches["in_step"]) == (3, 2, 1)
    assert switches["behind"] == [{"switch": "00000000000000bb", "state": "pushing", "lag": 3}]
    assert switches["away"] == ["00000000000000aa"]
    assert switches["slowest_push"]["seconds"] == 0.02
    assert switches["drift"] == {
        "missing": 1, "extra": 0, "altered": 0, "repaired": 1, "audited_at": "2026-11-22T15:00:00Z"
    }  # fmt: skip


def test_the_topology_puts_ports_where_they_are_and_says_how_many_it_does_not_name(
    call: Client, firewall: LocalFirewall
) -> None:
    up(firewall)
    call.put(f"/v1/switches/{DPID}", {"name": "host-1"})
    call.put("/v1/tenants/acme/ports/vm0", {"mac": "52:54:00:00:00:09", "addresses": ["10.0.0.9"]})
    bound = {"switch": "host-1", "interface": "tap7"}
    call.put("/v1/tenants/acme/ports/vm7", {"mac": "52:54:00:00:00:07", "addresses": ["10.0.0.7"], "binding": bound})

    body = call.get("/v1/topology?limit=1").json

    (switch,) = body["switches"]
    assert (switch["name"], switch["connected"], switch["flows"]) == ("host-1", True, 40)
    assert switch["ports"] == [{"tenant": "acme", "id": "vm1", "state": "active"}]
    assert switch["left_out"] == 1
    assert body["unplaced"]["ports"] == [{"tenant": "acme", "id": "vm0", "state": "down"}]


def test_a_limit_that_makes_no_sense_is_refused(call: Client) -> None:
    answer = call.get("/v1/topology?limit=0")

    assert (answer.status_int, answer.json["errors"][0]["pointer"]) == (400, "?limit")


def test_a_tenant_sees_its_own_ports_and_of_the_switches_only_where_they_are(
    call: Client, firewall: LocalFirewall
) -> None:
    up(firewall)
    firewall.statuses["00000000000000aa"] = SwitchStatus("00000000000000aa", True, "synced")
    call.put("/v1/tenants/rival")
    call.put("/v1/tenants/rival/ports/theirs", {"mac": "52:54:00:00:00:99", "addresses": ["10.0.0.99"]})
    made = call("POST", "/v1/tokens", {"id": "eye", "role": "viewer", "tenant": "acme"}).json
    theirs = call.bearing(made["token"])

    overview, topology = theirs.get("/v1/overview").json, theirs.get("/v1/topology").json

    assert (overview["switches"], overview["ports"]["total"]) == (None, 1)
    assert [each["name"] for each in overview["tenants"]] == ["acme"]
    (switch,) = topology["switches"]
    assert (switch["dpid"], "flows" in switch, "uplinks" in switch) == (DPID, False, False)
    assert topology["unplaced"]["ports"] == []
