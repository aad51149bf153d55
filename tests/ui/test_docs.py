"""The documentation of the API in a real browser: it renders the whole document and complains of nothing."""

from __future__ import annotations

from playwright.sync_api import expect

from rest.routes import ROUTES
from tests.ui.browser import BASE, Visit


def test_every_operation_is_listed_found_and_shown_with_its_command(visit: Visit) -> None:
    page = visit.page
    page.goto(f"{BASE}/docs")
    operations = page.locator("details.operation")
    expect(operations).to_have_count(len(ROUTES))

    page.get_by_label("Find").fill("DELETE {port}")
    expect(operations).to_have_count(1)
    operations.locator("summary").click()
    command = operations.locator("pre")
    expect(command).to_have_text(f"curl -sH \"$T\" -X DELETE '{BASE}/v1/tenants/acme/ports/web-1'")


def test_all_of_them_can_be_opened(visit: Visit) -> None:
    visit.page.goto(f"{BASE}/docs")
    expect(visit.page.locator("details.operation")).to_have_count(len(ROUTES))
    visit.page.evaluate("document.querySelectorAll('details.operation').forEach((each) => { each.open = true; })")

    expect(visit.page.locator("details.operation .body")).to_have_count(len(ROUTES))
    visit.page.locator("#ports_put").get_by_role("link", name="409 binding_conflict").click()
    expect(visit.page.get_by_role("heading", level=1)).to_have_text("binding_conflict 409 Conflict")
