"""Texts that others have written stay texts, and break no layout."""

from typing import Any
from uuid import uuid4

import pytest
from playwright.sync_api import Page, expect

from tests.browser.complaints import Complaints
from tests.browser.dashboard import VIEWS, expect_no_scrolling_sideways, visit
from tests.e2e.web import Web
from tests.world import World

MARKUP = "<img src=x onerror=alert(1)><script>alert(2)</script><b id=broken-out>"
NAMES = {"MARK<b>UP": MARKUP, "RTL": "\u202eشركة التعدين 123 الكندية\u202c", "LONG": "W" * 255, "A/B?C#D%": "'\"`${1}"}


@pytest.fixture(autouse=True)
def stocks(world: World) -> None:
    """Stocks with such names, all of which fail."""
    known: dict[str, Any] = {"exchange": MARKUP[:50], "sector": MARKUP[:100], "price": float("inf"), "market_cap": 1.0}
    world.add("stocks", *({**known, "id": uuid4(), "ticker": ticker, "name": name} for ticker, name in NAMES.items()))
    world.call("scores")
    world.data("red-flags")
    world.execute("UPDATE cron_stock_states SET last_error = :text, last_reason = :text", text=MARKUP + "x" * 300)
    world.execute("UPDATE cron_calls SET error = :text", text=MARKUP + "x" * 300)
    world.execute("UPDATE cron_job_runs SET error_message = :text", text=MARKUP + "x" * 300)
    world.call("pause", method="POST", data={"job": "red-flags", "reason": MARKUP + "y" * 400})


def all_views(world: World) -> list[str]:
    stocks = ["stocks/MARK%3Cb%3EUP", "stocks/RTL", "stocks/LONG", "stocks/A%2FB%3FC%23D%25"]
    runs = [f"runs/{row['id']}" for row in world.table("cron_job_runs")]
    return [*VIEWS, "stocks?search=W", "freshness?stocks=never", *stocks, *runs, "stocks/%3Cb%20id%3Dbroken-out%3E"]


def test_no_text_becomes_markup_nor_widens_the_page(page: Page, web: Web, world: World, complaints: Complaints) -> None:
    complaints.expect("status of 404")
    page.set_viewport_size({"width": 360, "height": 640})
    for view in all_views(world):
        visit(page, web, view)
        expect(page.get_by_role("main")).not_to_be_empty()
        expect(page.locator("#broken-out, main img, main script")).to_have_count(0)
        expect_no_scrolling_sideways(page)


def test_names_are_shown_as_they_are(page: Page, web: Web) -> None:
    visit(page, web, "failures?job=scores")
    page.get_by_role("heading", level=3).get_by_role("link").click()
    for ticker in NAMES:
        expect(page.get_by_role("link", name=ticker, exact=True)).to_be_visible()
    page.get_by_role("link", name="A/B?C#D%", exact=True).click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("A/B?C#D%")
    expect(page.get_by_role("heading", level=1)).to_contain_text("'\"`${1}")


def test_a_reason_with_markup_is_read_as_it_was_written(page: Page, web: Web) -> None:
    visit(page, web)
    expect(page.get_by_role("region", name="Red flags")).to_contain_text(f"Paused: {MARKUP}")
