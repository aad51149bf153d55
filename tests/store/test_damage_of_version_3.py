"""What damage there can be in a database of version 3 that older ones could not have."""

import pytest

from tests.store.test_damage import API_1, document, edit, refused_untouched

STARK, VM, RESTING, SW_1 = '["stark"]', '["stark","vm"]', '["6"]', '["0000000000000001"]'
MOVED = "UPDATE item SET id = '[\"{}\"]' WHERE kind = 'resting'"
DAMAGES = {
    "version lost": (edit("PRAGMA user_version = 0"), "no version"),
    "limit out of range": (document("tenant", STARK, "20000", "-1"), "limits: connections -1 is not in"),
    "limit unknown": (document("tenant", STARK, "udp_first", "udp_last"), "'udp_last' is not a timeout"),
    "remote impossible": (document("switch", SW_1, "unix:/", "unix:"), "is not an absolute path"),
    "iface_id with a switch": (document("port", VM, '"switch":null', '"switch":"br-a"'), "a binding by it names none"),
    "iface_id twice": (
        document(
            "port",
            API_1,
            '{"switch":"br-a","interface":"tap0","ofport":null,"tag":5,"iface_id":null}',
            '{"switch":null,"interface":null,"ofport":null,"tag":9,"iface_id":"vm-1:eth0"}',
        ),
        "both have vm-1:eth0",
    ),
    "zone that rests is in use": (edit(MOVED.format(1)), "resting/1 rests, but zone/acme/0 has it"),
    "zone that rests is none": (edit(MOVED.format("x")), "resting/x is no zone"),
    "zone that rests has two spellings": (edit(MOVED.format("07")), "resting/07 is no zone"),
    "zone that rests is out of range": (edit(MOVED.format(32768)), r"resting/32768 is no zone: only 1\.\.32767 are"),
    "rest without a time": (document("resting", RESTING, "2026-11-22T", ""), "is not a time in UTC"),
    "rest is a number": (document("resting", RESTING, "released_at", "number"), "number is unknown"),
}


@pytest.mark.parametrize("name", DAMAGES)
def test_damage_of_version_3_is_refused_and_left_as_it_is(name, version_3):
    refused_untouched(version_3, *DAMAGES[name])
