"""The example of a declarative flow with curl alone, over a real connection."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from eventlet.green import subprocess

from rest.server import Server
from tests.rest.local import TOKEN, LocalFirewall

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"


@pytest.fixture
def declare(server: Server):  # type: ignore[no-untyped-def]
    environment = {
        **os.environ,
        "OVSWARDEN_URL": f"http://127.0.0.1:{server.addresses[0][1]}",
        "OVSWARDEN_TOKEN": TOKEN,
    }

    def run(*arguments: str, said: str = "") -> tuple[int, str]:
        done = subprocess.Popen(
            [str(EXAMPLES / "declare"), *arguments], env=environment, text=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )  # fmt: skip
        told, _ = done.communicate(said)
        return done.returncode, told

    return run


def test_the_example_shows_asks_does_it_and_then_has_nothing_to_do(declare, firewall: LocalFirewall) -> None:  # type: ignore[no-untyped-def]
    shop = str(EXAMPLES / "shop.yaml")
    status, told = declare("--check", shop)
    assert (status, "+ /tenants/shop/ports/web-1" in told) == (2, True), told
    assert "shop: web-1 now reaches db-1 tcp/5432" in told
    assert declare(shop, said="no\n")[0] == 1
    assert not firewall.inventory.find("tenant", "shop")
    status, told = declare(shop, said="yes\n")
    assert (status, '"realized": true' in told) == (0, True), told
    assert firewall.inventory.find("port", "shop", "db-1")
    assert declare("-y", shop) == (0, "0 to add, 0 to change, 0 to delete\n")


def test_what_is_no_longer_declared_goes_and_what_is_wrong_is_told(declare, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    declare("-y", str(EXAMPLES / "shop.yaml"))
    document = tmp_path / "less.yaml"
    document.write_text("version: 1\nowner: examples\n")
    status, told = declare("-y", str(document))
    assert (status, "- /tenants/shop\n" in told) == (0, True), told
    document.write_text("version: 1\nowners: examples\n")
    status, told = declare("-y", str(document))
    assert (status, '"hint": "owner"' in told) == (1, True), told
