"""A real controller with real switches, and a real browser that looks at its dashboard."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, sync_playwright

from tests.switch.site import Site
from tests.ui.browser import BASE, Visit, launched
from tests.ui.company import company, connect


@pytest.fixture(scope="module")
def site(place: Path) -> Iterator[Site]:
    with company(place) as running:
        connect(running)
        yield running


@pytest.fixture(scope="module")
def browser(site: Site) -> Iterator[Browser]:
    """Started in the controller's network namespace: from there nothing else can be reached."""
    with sync_playwright() as playwright, launched(playwright) as started:
        yield started


@pytest.fixture
def visit(site: Site, browser: Browser) -> Iterator[Visit]:
    """A browser that has never been here."""
    with Visit(browser, BASE) as started:
        yield started
        assert started.errors == []
        assert started.foreign == []


@pytest.fixture(scope="module")
def signed_in(site: Site, browser: Browser) -> Iterator[Visit]:
    with Visit(browser, BASE) as started:
        started.open()
        started.sign_in(site.controller.token)
        yield started


@pytest.fixture
def seen(signed_in: Visit) -> Iterator[Visit]:
    """A browser that is signed in, with a fresh overview."""
    signed_in.errors.clear()
    signed_in.open("#/plan")
    signed_in.open("#/")
    yield signed_in
    assert signed_in.errors == []
    assert signed_in.foreign == []
