"""A damaged database stops the start with one clear line, and stays as it was, byte for byte."""

import shutil
import sqlite3
import subprocess
import sys

import pytest

from app.errors import StartError
from app.store import Store
from app.store.schema import STEPS


def edit(*statements):
    def damage(directory):
        connection = sqlite3.connect(directory / "ovswarden.db", isolation_level=None)
        for statement in statements:
            assert connection.execute(statement).rowcount != 0, f"{statement} changed nothing"
        connection.close()

    return damage


def truncate(size):
    return lambda directory: (directory / "ovswarden.db").open("r+b").truncate(size)


def overwrite(offset, content):
    def damage(directory):
        with (directory / "ovswarden.db").open("r+b") as file:
            file.seek(offset)
            file.write(content)

    return damage


def orphan_log(directory):
    (directory / "ovswarden.db").rename(directory / "ovswarden.db-wal")


def foreign(directory):
    (directory / "ovswarden.db").unlink()
    connection = sqlite3.connect(directory / "ovswarden.db")
    connection.execute("CREATE TABLE item (kind, id, document)")
    connection.close()


def where(kind, id):
    return f"WHERE kind = '{kind}' AND id = '{id}'"


def document(kind, id, old, new):
    return edit(f"UPDATE item SET document = replace(document, '{old}', '{new}') {where(kind, id)}")


ACME, UMBRELLA = '["acme"]', '["umbrella"]'
ACME_0, UMBRELLA_0, UMBRELLA_7 = '["acme","0"]', '["umbrella","0"]', '["umbrella","7"]'
WEB, HTTP = '["acme","web"]', '["acme","web","http"]'
WEB_1, VM_2 = '["acme","web-1"]', '["umbrella","vm.2"]'
ZONES, EPOCHS, POLICIES, RULE_IDS = '["zone"]', '["epoch"]', '["policy"]', '["rule_id"]'
FIRST_MAC = "replace(document, '00:02', '00:01')"
ZONE = "UPDATE item SET document = (SELECT document FROM item {}) {}"
DAMAGES = {
    "empty": (truncate(0), "it is empty or"),
    "cut to a stub": (truncate(50), "cut short"),
    "cut to a page": (truncate(4096), "malformed"),
    "cut by a page": (lambda d: truncate((d / "ovswarden.db").stat().st_size - 4096)(d), "malformed"),
    "not SQLite": (overwrite(0, b"#!/bin/sh\nexit\n"), "not a database"),
    "noise in a page": (overwrite(4096 * 2, b"\xa5" * 512), "damaged"),
    "a log without its database": (orphan_log, "is gone"),
    "another program's": (foreign, "another program"),
    "version lost": (edit("PRAGMA user_version = 0"), "no version"),
    "table lost": (edit("DROP TABLE item"), "no such table"),
    "revision lost": (edit("DELETE FROM progress"), "revision is missing"),
    "revision behind": (edit("UPDATE progress SET revision = 2"), "the database is at 2"),
    "unknown kind": (edit("UPDATE item SET kind = 'router' WHERE kind = 'switch'"), "kind 'router' is unknown"),
    "not JSON": (edit(f"UPDATE item SET document = 'x' {where('tenant', ACME)}"), r'tenant \["acme"\]'),
    "nested without end": (edit("UPDATE item SET document = replace(hex(zeroblob(50000)), '0', '[')"), "recursion"),
    "not text": (edit("UPDATE item SET document = CAST(x'ff' AS TEXT)"), "UTF-8"),
    "id not JSON": (edit("UPDATE item SET id = 'acme' WHERE kind = 'switch'"), "switch acme"),
    "id of another": (edit(f"UPDATE item SET id = '[\"beta\"]' {where('tenant', ACME)}"), "document of acme"),
    "field unknown": (document("port", WEB_1, '"vlan"', '"vxlan"'), "value/vlan is missing"),
    "value impossible": (document("port", WEB_1, "52:54", "53:54"), "multicast"),
    "tenant missing": (edit(f"DELETE FROM item {where('tenant', UMBRELLA)}"), "tenant umbrella, which does not"),
    "group missing": (edit("DELETE FROM item WHERE kind = 'group'"), "group web, which does not exist"),
    "one MAC and address twice": (
        edit(f"UPDATE item SET document = replace({FIRST_MAC}, '\"vlan\":7', '\"vlan\":0') {where('port', VM_2)}"),
        r"port/umbrella/vm.2 and port/acme/web-1 both have 52:54:00:00:00:01 \(and 2 more\)",
    ),
    "one plug twice": (
        document("port", VM_2, '"interface":null,"ofport":4', '"interface":"tap0","ofport":null'),
        "tap0",
    ),
    "two tenants with one zone": (
        edit(ZONE.format(where("zone", ACME_0), where("zone", UMBRELLA_0))),
        "zone/umbrella/0 and zone/acme/0 are both 1",
    ),
    "zone missing": (edit(f"DELETE FROM item {where('zone', UMBRELLA_7)}"), "zone/umbrella/7 is missing"),
    "zone of nobody": (
        edit('UPDATE item SET id = \'["x","0"]\' WHERE id = \'["acme","0"]\''),
        "zone/acme/0 is missing",
    ),
    "counter of zones lost": (edit(f"DELETE FROM item {where('counter', ZONES)}"), "counter of zones"),
    "counter of epochs behind": (document("counter", EPOCHS, ":2}", ":1}"), r"epoch/.* is 2, but only 1\.\.1"),
    "counter of policies behind": (document("counter", POLICIES, ":2}", ":1}"), r"policy/.* is 2, but only 1\.\.1"),
    "counter of rules behind": (document("counter", RULE_IDS, ":3}", ":1}"), r"rule_id/.* only 1\.\.1"),
    "rule without id": (edit(f"DELETE FROM item {where('rule_id', HTTP)}"), "http is missing"),
    "id without rule": (document("group", WEB, '"key":"http"', '"key":"https"'), "rule_id/acme/web/http"),
    "policy missing": (edit("DELETE FROM item WHERE kind = 'policy'"), "policy/acme/rules/web is missing"),
    "policy of nobody": (document("port", WEB_1, '"egress":"rules"', '"egress":"any"'), "policy/acme"),
}
# What only a database of version 2 can have, and again what is checked before anything is decoded.
API, API_1, MONITORING = '["acme","api"]', '["acme","api-1"]', '["acme","monitoring"]'
WEB_SET = '["acme","group","web"]'
PAIR = '"allowed_address_pairs":[{{"address":"{}","mac":{}}}]'
DAMAGES_2 = {
    "cut to a page": (truncate(4096), "malformed"),
    "version lost": (edit("PRAGMA user_version = 0"), "no version"),
    "not JSON": (edit(f"UPDATE item SET document = 'x' {where('tenant', ACME)}"), r'tenant \["acme"\]'),
    "id of numbers": (edit(f"UPDATE item SET id = '[1]' {where('tenant', ACME)}"), "not a list of names"),
    "no id": (edit(f"UPDATE item SET id = '[]' {where('set', WEB_SET)}"), "not a list of names"),
    "zone out of range": (document("zone", ACME_0, ":1}", ":32768}"), r"only 1\.\.32767"),
    "neither true nor false": (document("port", API_1, '"enabled":false', '"enabled":0'), "not true or false"),
    "address group missing": (
        edit(f"DELETE FROM item {where('address_group', MONITORING)}"),
        "rule mon of group/acme/api names address_group monitoring, which does not exist",
    ),
    "group of a rule missing": (document("group", API, '"web"', '"www"'), "names group www, which does not exist"),
    "address group of nobody": (
        edit(
            'UPDATE item SET document = replace(document, \'"tenant":"acme"\', \'"tenant":"x"\'),'
            f' id = \'["x","monitoring"]\' {where("address_group", MONITORING)}'
        ),
        "belongs to tenant x, which does not exist",
    ),
    "set without number": (edit(f"DELETE FROM item {where('set', WEB_SET)}"), "set/acme/group/web is missing"),
    "number without set": (
        edit(f'UPDATE item SET id = \'["acme","group","db"]\' {where("set", WEB_SET)}'),
        r"set/acme/group/web is missing \(and 1 more\)",
    ),
    "two sets with one number": (document("set", WEB_SET, ":1}", ":2}"), "are both 2"),
    "counter of sets behind": (document("counter", '["set"]', ":2}", ":1}"), r"set/.* is 2, but only 1\.\.1"),
    "policy of another kind": (
        document("port", API_1, '"dhcp_server":true', '"dhcp_server":false'),
        "policy/acme/any/api/web is missing",
    ),
    "one plug and tag twice": (
        document("port", WEB_1, '"ofport":null,"tag":null', '"ofport":null,"tag":5'),
        "both have tap0",
    ),
    "own link-local address twice": (
        document("port", API_1, '"2001:db8::3"', '"fe80::5054:ff:fe00:2"'),
        "both have fe80::5054:ff:fe00:2",
    ),
    "MAC in a pair of another": (
        document("port", API_1, "00:00:5e:00:01:0a", "52:54:00:00:00:02"),
        "vm.2 has 52:54:00:00:00:02, which is in a pair of port/acme/api-1",
    ),
    "address in a pair of another tenant": (
        document("port", API_1, "10.0.0.100", "10.0.0.0/30"),
        "vm.2 has 10.0.0.1, which is in a pair of port/acme/api-1",
    ),
    "pair of two tenants": (
        document("port", VM_2, '"allowed_address_pairs":[]', PAIR.format("2001:db8:1::/64", "null")),
        "both have a pair with 2001:db8:1::/64",
    ),
    "virtual MAC of two tenants": (
        document("port", VM_2, '"allowed_address_pairs":[]', PAIR.format("10.0.0.9", '"00:00:5e:00:01:0a"')),
        "both have a pair with 00:00:5e:00:01:0a",
    ),
}


@pytest.mark.parametrize("name", DAMAGES)
def test_damage_is_refused_and_left_as_it_is(name, version_1):
    refused_untouched(version_1, *DAMAGES[name])


@pytest.mark.parametrize("name", DAMAGES_2)
def test_damage_of_version_2_is_refused_and_left_as_it_is(name, version_2):
    refused_untouched(version_2, *DAMAGES_2[name])


def refused_untouched(directory, damage, complaint):
    damage(directory)
    before = {file.name: file.read_bytes() for file in directory.iterdir()}
    for _ in range(2):  # the second start finds the same
        with pytest.raises(StartError, match=complaint) as refused:
            Store.open(directory)
        assert "\n" not in refused.value.exit_message
        assert str(directory) in refused.value.exit_message
        after = {file.name: file.read_bytes() for file in directory.iterdir() if file.name != "lock"}
        assert after == before


def crash_with_open_log(directory):
    """A process that commits and is gone without a close: everything of it is in the write-ahead log."""
    code = "import os, sys; from app.store import Store; from tests.store.histories import sample\n"
    code += "from tests.store.test_store import committed\n"
    code += "committed(Store.open(sys.argv[1]), sample()); os._exit(0)"
    subprocess.run([sys.executable, "-c", code, directory], check=True)
    assert (directory / "ovswarden.db-wal").stat().st_size > 0


def test_a_refused_start_does_not_empty_the_log(tmp_path):
    crash_with_open_log(tmp_path)
    damaged = tmp_path / "damaged"
    damaged.mkdir()
    for suffix in ("", "-wal"):
        shutil.copy(tmp_path / f"ovswarden.db{suffix}", damaged / f"ovswarden.db{suffix}")
    with (damaged / "ovswarden.db-wal").open("r+b") as log:
        # A torn end is no damage (it was never acknowledged); the log of another database is.
        log.seek(0, 2)
        log.write(b"\0" * 100)
    store = Store.open(damaged)
    assert store.load().get("tenant", "acme")
    store.close()


def test_a_log_left_by_a_crash_survives_a_start_that_is_refused(tmp_path):
    crash_with_open_log(tmp_path)
    before = {suffix: (tmp_path / f"ovswarden.db{suffix}").read_bytes() for suffix in ("", "-wal")}
    with pytest.raises(StartError, match=f"from version {len(STEPS)}"):
        Store.open(tmp_path, steps=(*STEPS, lambda _: 1 / 0))
    assert {suffix: (tmp_path / f"ovswarden.db{suffix}").read_bytes() for suffix in ("", "-wal")} == before
    store = Store.open(tmp_path)
    assert store.load().get("port", "umbrella", "vm.2")
    store.close()
