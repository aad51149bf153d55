"""Debian's Chromium as the tests use it: one visit, and whatever it complains of."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any
from urllib.parse import urlsplit

from playwright.sync_api import Browser, ConsoleMessage, Locator, Page, Playwright, Request, expect

CHROMIUM = Path("/usr/bin/chromium")
BASE = "http://127.0.0.1:8080"
DESK, PHONE = {"width": 1280, "height": 1000}, {"width": 375, "height": 740}
OWN = ("data", "blob", "about")


@contextmanager
def launched(playwright: Playwright) -> Iterator[Browser]:
    # --no-sandbox: the tests run as root in a container; the pages are our own
    options = ["--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu"]
    browser = playwright.chromium.launch(executable_path=CHROMIUM, args=options)
    try:
        yield browser
    finally:
        browser.close()


class Visit:
    """A browser without a past. `errors` are what its console and its pages complained of, `foreign` whatever they
    asked of anybody but us.
    """

    def __init__(self, browser: Browser, base: str, **options: Any) -> None:
        self.base, self.errors, self.foreign = base, list[str](), list[str]()
        self.context = browser.new_context(**{"viewport": DESK, "locale": "en-GB", **options})
        self.page: Page = self.context.new_page()
        self.page.set_default_timeout(10_000)
        self.page.on("console", self._told)
        self.page.on("pageerror", lambda error: self.errors.append(f"uncaught: {error}"))
        self.page.on("request", self._asked)

    def __enter__(self) -> Visit:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.context.close()

    def _told(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            self.errors.append(f"{message.type}: {message.text} ({message.location.get('url')})")

    def _asked(self, request: Request) -> None:
        parts = urlsplit(request.url)
        if parts.scheme not in OWN and f"{parts.scheme}://{parts.netloc}" != self.base:
            self.foreign.append(request.url)

    def open(self, where: str = "") -> None:
        self.page.goto(f"{self.base}/ui/{where}")

    def sign_in(self, token: str) -> None:
        self.page.get_by_label("Token").fill(token)
        self.page.get_by_role("button", name="Sign in").click()
        expect(self.page.get_by_role("grid")).to_be_visible()

    def overflow(self) -> int:
        """By how many pixels the page is wider than its window."""
        return self.page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")


def card(page: Page, title: str | re.Pattern[str]) -> Locator:
    return page.get_by_role("region", name=title)
