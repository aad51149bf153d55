"""A replica of a real database, and what is written into it."""

from __future__ import annotations

import gc
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from app import green
from app.ovs import rows, threads
from app.ovs.database import NOT_YET, Database
from app.ovs.zones import Wish
from tests.ovs.server import Ovsdb, certificates
from topology.controller import ROOT

pytestmark = pytest.mark.switch
DPID = "0000000000000001"
BRIDGE = ("add-br", "br0", "--", "set", "bridge", "br0", "datapath_type=netdev", f'datapath_id="{DPID}"')
SHORT = (("udp_first", 1),)


@pytest.fixture
def ovsdb(tmp_path_factory: pytest.TempPathFactory, place: Path, request: pytest.FixtureRequest) -> Iterator[Ovsdb]:
    directory = place / request.node.name[:12].replace("[", "")
    directory.mkdir(exist_ok=True)
    for old in directory.iterdir():
        old.unlink()
    with Ovsdb(directory, "--remote=ptcp:16640:127.0.0.1", has_limits=getattr(request, "param", True)) as server:
        server.vsctl(*BRIDGE)
        yield server


@pytest.fixture
def news() -> list[float]:
    return []


@pytest.fixture
def database(ovsdb: Ovsdb, news: list[float]) -> Iterator[Database]:
    threads.prepare_ovs()
    there = Database(ovsdb.remote, lambda: news.append(time.monotonic()))
    assert there.wait(), there.trouble
    yield there
    there.close()


def eventually(what: Callable[[], Any], seconds: float = 10.0) -> Any:
    """As `tests.switch.site.eventually`, but the hub runs meanwhile."""
    end = time.monotonic() + seconds
    while not (answer := what()) and time.monotonic() < end:
        green.sleep(0.02)
    return answer


def test_the_snapshot_has_bridges_and_the_ids_of_their_interfaces(ovsdb, database):
    assert database.connected
    ovsdb.vsctl("add-port", "br0", "p1", "--", "set", "interface", "p1", "external_ids:iface-id=x", "ofport=7")
    assert eventually(lambda: database.snapshot.bridge(DPID).interfaces == {7: ("p1", "x")})
    ovsdb.vsctl("set", "interface", "p1", "ofport=-1")
    assert eventually(lambda: database.snapshot.bridge(DPID).interfaces == {})


def test_what_does_not_matter_here_is_no_news(ovsdb, database, news):
    count = len(news)
    ovsdb.vsctl(
        "set", "interface", "br0", "external_ids:comment=hello", "--", "set", "bridge", "br0", "other_config:x=y"
    )
    ovsdb.vsctl("set-fail-mode", "br0", "secure")
    assert eventually(lambda: database.snapshot.bridge(DPID).fail_mode == "secure")
    assert len(news) <= count + 2


def test_limits_and_timeouts_are_written_where_the_schema_has_both(ovsdb, database):
    assert database.snapshot.zones_have_limits
    database.want("netdev", {5: Wish(3, SHORT), 6: Wish(9)}, frozenset({5, 6}))
    assert eventually(lambda: ovsdb.held() == {5, 6})
    assert sorted(ovsdb.zones("limit")) == [3, 9]
    assert "udp_first=1" in ovsdb.vsctl("--columns=timeouts", "list", "CT_Timeout_Policy")
    database.want("netdev", {5: Wish(4), 6: Wish()}, frozenset({5, 6}))
    assert eventually(lambda: ovsdb.zones("limit") == [4])
    assert not ovsdb.vsctl("list", "CT_Timeout_Policy").strip()
    assert database.refusal == ""


@pytest.mark.parametrize("ovsdb", [False], indirect=True)
def test_limits_are_not_written_where_the_schema_has_none(ovsdb, database):
    assert not database.snapshot.zones_have_limits
    database.want("netdev", {5: Wish(3, SHORT), 6: Wish(9)}, frozenset({5, 6}))
    assert eventually(lambda: ovsdb.held() == {5})


def test_what_others_wrote_is_left_alone_unless_it_is_wanted_and_ours_goes_when_no_tenant_has_the_zone(ovsdb, database):
    database.want("netdev", {5: Wish(3)}, frozenset({5}))
    assert eventually(lambda: ovsdb.held() == {5})
    ovsdb.vsctl("add-zone-tp", "netdev", "zone=7", "icmp_first=9")
    ovsdb.vsctl("add-zone-tp", "netdev", "zone=8", "icmp_first=9")
    assert eventually(lambda: ovsdb.held() == {5, 7, 8})
    database.want("netdev", {8: Wish(2, SHORT)}, frozenset({5, 8}))
    assert eventually(lambda: "udp_first=1" in ovsdb.vsctl("list-zone-tp", "netdev").replace(" ", ""))
    assert ovsdb.held() == {5, 7, 8}, "another bridge may have zone 5"
    database.want("netdev", {}, frozenset())
    assert eventually(lambda: ovsdb.held() == {7})


def test_what_somebody_takes_away_is_written_again(ovsdb, database):
    database.want("netdev", {5: Wish(3)}, frozenset({5}))
    assert eventually(lambda: ovsdb.zones("limit") == [3])
    ovsdb.vsctl("clear", "open_vswitch", ".", "datapaths")
    assert eventually(lambda: ovsdb.zones("limit") == [3])


def test_two_who_want_zones_of_one_datapath_do_not_undo_each_other(ovsdb, database):
    in_use = frozenset({5, 6})
    for by, zone in (("a", 5), ("b", 6)):
        database.want("netdev", {zone: Wish(3)}, in_use, by)
    assert eventually(lambda: ovsdb.held() == {5, 6})
    ovsdb.vsctl("clear", "open_vswitch", ".", "datapaths")
    assert eventually(lambda: ovsdb.held() == {5, 6})
    database.want("netdev", {}, in_use, "b")
    database.want("netdev", {5: Wish(4)}, in_use, "a")
    assert eventually(lambda: ovsdb.zones("limit") == [3, 4]), "somebody else may be in zone 6"
    database.want("netdev", {}, frozenset({5}), "b")
    assert eventually(lambda: ovsdb.held() == {5})


def test_a_connection_that_was_closed_leaves_no_file_open(ovsdb):
    def files() -> int:
        return len(list(Path("/proc/self/fd").iterdir()))

    def connect_and_close() -> None:
        for remote in (ovsdb.remote, "unix:/nowhere/db.sock", "tcp:127.0.0.1:1", "ssl:127.0.0.1:1"):
            there = Database(remote, lambda: None)
            assert eventually(lambda there=there: there.trouble != NOT_YET)
            there.close()
        green.sleep(0.2)

    connect_and_close()
    gc.collect()
    gc.disable()
    try:
        before = files()
        for _ in range(5):
            connect_and_close()
        assert eventually(lambda: files() <= before), (before, files())
    finally:
        gc.enable()


def test_a_database_that_was_killed_is_found_again_and_its_bridges_are_who_they_were(ovsdb, database):
    before = database.snapshot.bridges
    ovsdb.kill()
    assert eventually(lambda: not database.connected)
    assert "Connection refused" in database.trouble or "closed" in database.trouble
    assert database.snapshot.bridges == before, "nobody is unplugged"
    database.want("netdev", {5: Wish(3)}, frozenset({5}))
    ovsdb.start()
    assert eventually(lambda: database.connected)
    assert ovsdb.vsctl("get", "bridge", "br0", "datapath_id").strip() == "[]", "ovsdb-server forgot it"
    assert database.snapshot.bridges == before
    assert eventually(lambda: ovsdb.held() == {5})


def test_the_hub_goes_on_while_a_big_database_is_read(ovsdb, database, monkeypatch):
    ticks = []

    def slowly(reader):
        end = time.monotonic() + 0.3
        while time.monotonic() < end:
            pass
        return found(reader)

    found = rows.Reader.snapshot
    monkeypatch.setattr(rows.Reader, "snapshot", slowly)
    ovsdb.vsctl("set-fail-mode", "br0", "secure")
    while database.snapshot.bridge(DPID).fail_mode != "secure":
        green.sleep(0.005)
        ticks.append(time.monotonic())
    assert len(ticks) > 10


@pytest.mark.parametrize(
    ("remote", "trouble"),
    [
        ("unix:/nowhere/db.sock", "OVSDB unix:/nowhere/db.sock: No such file or directory"),
        ("tcp:127.0.0.1:1", "OVSDB tcp:127.0.0.1:1: Connection refused"),
        (
            "ssl:127.0.0.1:1",
            "OVSDB ssl:127.0.0.1:1: it needs the settings ovsdb_private_key, ovsdb_certificate and ovsdb_ca_cert",
        ),
    ],
)
def test_a_wrong_remote_is_told_plainly(remote, trouble):
    threads.prepare_ovs()
    there = Database(remote, lambda: None)
    assert eventually(lambda: there.trouble == trouble), there.trouble
    assert there.snapshot is None
    there.close()


@pytest.mark.parametrize("kind", ["unix", "tcp"])
def test_a_process_in_which_everything_is_green_connects(ovsdb, kind):
    assert connect(ovsdb.remote if kind == "unix" else "tcp:127.0.0.1:16640") == "br0"


def test_tls_is_mutual(place):
    directory = place / "tls"
    directory.mkdir()
    pair = certificates(directory, "server", "client")
    (other := directory / "other").mkdir()
    stranger = certificates(other, "client")["client"]
    key, certificate, ca = pair["server"]
    options = (f"--private-key={key}", f"--certificate={certificate}", f"--ca-cert={ca}")
    with Ovsdb(directory, "--remote=pssl:16641:127.0.0.1", *options) as server:
        server.vsctl(*BRIDGE)
        assert connect("ssl:127.0.0.1:16641", *pair["client"]) == "br0"
        assert connect("ssl:127.0.0.1:16641", *stranger).startswith("OVSDB ssl:127.0.0.1:16641: "), "both are strangers"
        assert connect("ssl:127.0.0.1:16641", *stranger[:2], ca).startswith("OVSDB ssl:127.0.0.1:16641: ")


def connect(*arguments: str) -> str:
    command = [sys.executable, "-W", "ignore", "-m", "tests.ovs.connect", *arguments]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=30)
    assert done.returncode == 0, done.stderr
    assert not done.stderr, done.stderr
    return done.stdout.strip()
