"""Flows are values."""

from __future__ import annotations

import subprocess
import sys

import pytest

from app.core.flow import OWNER, OWNER_SHIFT, flow, goto, set_field
from app.core.pipeline import Priority, Table


def test_two_flows_with_the_same_content_are_equal_and_have_one_cookie() -> None:
    one = flow(Table.GUARD, Priority.OWN, goto(Table.DEST), in_port=3, eth_type=0x0800)
    other = flow(0, 700, goto(20), eth_type=0x0800, in_port=3)
    assert one == other
    assert hash(one) == hash(other)
    assert one.cookie == other.cookie


@pytest.mark.parametrize(
    "other",
    [
        flow(0, 6, goto(20), in_port=3),
        flow(1, 5, goto(20), in_port=3),
        flow(0, 5, goto(21), in_port=3),
        flow(0, 5, in_port=3),
        flow(0, 5, goto(20), in_port=4),
        flow(0, 5, goto(20), in_port=(3, 3)),
        flow(0, 5, goto(20), in_port=3, eth_type=0x0800),
    ],
)
def test_flows_that_differ_in_anything_have_different_cookies(other: object) -> None:
    assert flow(0, 5, goto(20), in_port=3).cookie != other.cookie  # type: ignore[attr-defined]


def test_a_cookie_says_whose_it_is_and_is_the_same_in_every_process() -> None:
    """A restarted controller recognises its flows."""
    cookie = flow(0, 5, goto(20), in_port=3).cookie
    assert cookie >> OWNER_SHIFT == OWNER
    code = "from app.core.flow import *; print(flow(*map(int, '05'), goto(int('20')), in_port=int('3')).cookie)"
    for seed in ("1", "2"):
        told = subprocess.run(
            [sys.executable, "-c", code], env={"PYTHONHASHSEED": seed}, capture_output=True, text=True, check=True
        )
        assert int(told.stdout) == cookie


def test_bits_outside_the_mask_are_cleared_and_an_empty_mask_is_no_match() -> None:
    assert flow(0, 1, ipv4_src=(0x0A0000FF, 0xFFFFFF00)) == flow(0, 1, ipv4_src=(0x0A000000, 0xFFFFFF00))
    assert flow(0, 1, ipv4_src=(0x0A0000FF, 0)) == flow(0, 1)
    assert flow(0, 1, ipv4_src=(7, 0xFFFFFFFF)) == flow(0, 1, ipv4_src=7)


@pytest.mark.parametrize("match", [{"eth_type": 0x10000}, {"in_port": -1}, {"tcp_dst": (0, 0x1FFFF)}])
def test_a_value_that_does_not_fit_its_field_is_refused(match: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="does not fit"):
        flow(0, 1, **match)  # type: ignore[arg-type]


def test_an_unknown_field_is_refused() -> None:
    with pytest.raises(KeyError):
        flow(0, 1, mpls_label=1)


@pytest.mark.parametrize("value", [-1, 1 << 32])
def test_a_register_holds_32_bits(value: int) -> None:
    with pytest.raises(ValueError, match="cannot hold"):
        set_field("reg0", value)
