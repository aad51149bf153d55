"""How often connections with one datapath id may replace one another."""

from __future__ import annotations

from app.core.rivalry import MOST, WITHIN, Rivalry


def test_a_newer_connection_wins() -> None:
    rivalry = Rivalry()
    assert [rivalry.admits(0.0) for _ in range(MOST)] == [True] * MOST


def test_two_that_throw_each_other_out_are_stopped() -> None:
    rivalry = Rivalry()
    admitted = sum(rivalry.admits(float(second)) for second in range(600))
    assert admitted == MOST * 600 / WITHIN


def test_who_comes_back_now_and_then_always_wins() -> None:
    rivalry = Rivalry()
    assert all(rivalry.admits(second * WITHIN / MOST) for second in range(100))


def test_it_is_calm_again_when_nobody_was_replaced_for_a_while() -> None:
    rivalry = Rivalry()
    assert rivalry.calm(0.0)
    for second in range(10):
        rivalry.admits(float(second))
    assert rivalry.restless(10.0)
    assert not rivalry.calm(10.0)
    assert rivalry.calm(MOST - 1 + WITHIN)
