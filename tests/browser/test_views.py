"""Every view, with data and without: it opens, fits every screen, and can be read and used by everybody."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.browser.accessibility import faults
from tests.browser.dashboard import VIEWS, expect_no_scrolling_sideways, visit
from tests.browser.past import EVERY, schedule_of, write_past
from tests.browser.settings import WITHOUT_SECRET, lasting
from tests.e2e.web import Web, serving
from tests.integration.bare_stocks import add_stocks
from tests.world import World
from vettr_cron.services.clock import utc_now

WIDTHS = (360, 768, 1280, 2560)


@pytest.fixture(scope="module")
def busy_world(migrated_file: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """Stocks that have been refreshed for a month, of which a few fail."""
    with lasting(migrated_file, tmp_path_factory.mktemp("busy")) as world:
        first, *_ = world.generate(60)
        world.execute("UPDATE stocks SET price = 9e999 WHERE ticker = :first", first=first)
        world.data("refresh-all")
        write_past(world, utc_now())
        yield world


@pytest.fixture(scope="module")
def busy_web(busy_world: World) -> Iterator[Web]:
    with serving(busy_world, {**WITHOUT_SECRET, "CRON_SCHEDULE": schedule_of(utc_now() - EVERY)}) as web:
        yield web


def addresses(world: World) -> list[str]:
    """All views, also those of one stock and one run, if there are any."""
    runs = [str(row["id"]) for row in world.table("cron_job_runs")]
    return [
        *VIEWS,
        "?days=7",
        "trends?days=30",
        "freshness?stocks=fresh",
        *(f"stocks/{ticker}" for ticker in world.tickers()[:2]),
        *(f"runs/{run}" for run in runs[:1]),
    ]


def open_what_is_closed(page: Page) -> None:
    """The tables behind charts."""
    for closed in page.get_by_text("As a table").all():
        closed.click()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_no_view_has_a_fault_of_accessibility(page: Page, busy_web: Web, busy_world: World, scheme: str) -> None:
    page.emulate_media(color_scheme=scheme, reduced_motion="reduce")  # type: ignore[arg-type]
    found = []
    for view in addresses(busy_world):
        visit(page, busy_web, view)
        open_what_is_closed(page)
        found += [f"{view}: {fault}" for fault in faults(page)]
    assert not found, "\n\n".join(found)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_no_empty_view_has_a_fault_of_accessibility(page: Page, web: Web, scheme: str) -> None:
    page.emulate_media(color_scheme=scheme, reduced_motion="reduce")  # type: ignore[arg-type]
    found = []
    for view in VIEWS:
        visit(page, web, view)
        found += [f"{view}: {fault}" for fault in faults(page)]
    assert not found, "\n\n".join(found)


@pytest.mark.parametrize("width", WIDTHS)
def test_no_view_is_wider_than_the_screen(page: Page, busy_web: Web, busy_world: World, width: int) -> None:
    page.set_viewport_size({"width": width, "height": 800})
    for view in addresses(busy_world):
        visit(page, busy_web, view)
        open_what_is_closed(page)
        expect_no_scrolling_sideways(page)


def test_no_empty_view_is_wider_than_a_phone(page: Page, web: Web) -> None:
    page.set_viewport_size({"width": 360, "height": 640})
    for view in VIEWS:
        visit(page, web, view)
        expect_no_scrolling_sideways(page)


def test_every_view_has_one_heading_of_the_first_rank(page: Page, busy_web: Web, busy_world: World) -> None:
    for view in addresses(busy_world):
        visit(page, busy_web, view)
        expect(page.get_by_role("heading", level=1)).to_have_count(1)


def test_a_found_stock_is_opened(page: Page, busy_web: Web, busy_world: World) -> None:
    ticker = busy_world.tickers()[5]
    visit(page, busy_web, "stocks")
    page.get_by_role("searchbox").fill(ticker.lower())
    page.get_by_role("link", name=ticker, exact=True).click()
    expect(page.get_by_role("heading", level=1)).to_contain_text(ticker)
    expect(page.get_by_role("heading", name="Score over time")).to_be_visible()
    expect(page.get_by_role("heading", name="Inputs")).to_be_visible()


def test_a_failing_stock_is_listed_with_its_reason_and_leads_to_the_stock(
    page: Page, busy_web: Web, busy_world: World
) -> None:
    ticker = busy_world.tickers()[0]
    visit(page, busy_web, "failures?job=scores")
    scores = page.get_by_role("region", name="Scores")
    scores.get_by_role("link", name="not finite").click()
    scores.get_by_role("link", name=ticker).first.click()
    expect(page).to_have_url(re.compile(f"#/stocks/{ticker}"))


def test_a_failing_stock_can_be_retried_on_a_phone_without_scrolling_sideways(page: Page, busy_web: Web) -> None:
    page.set_viewport_size({"width": 360, "height": 2_000})
    visit(page, busy_web, "failures?job=scores")
    page.get_by_role("link", name="not finite").click()
    expect(page.get_by_role("table").get_by_role("button", name="Retry").first).to_be_in_viewport(ratio=1)


def test_calls_are_filtered_and_the_filter_is_in_the_address(page: Page, busy_web: Web) -> None:
    visit(page, busy_web, "calls")
    page.get_by_label("Status").select_option("failed")
    expect(page).to_have_url(re.compile("status=failed"))
    expect(page.get_by_role("table").get_by_text("completed", exact=True)).to_have_count(0)
    page.get_by_role("table").get_by_role("button", expanded=False).first.click()
    expect(page.get_by_role("table").get_by_text("the database is not available")).to_be_visible()
    page.go_back()
    expect(page.get_by_role("table").get_by_text("completed", exact=True).first).to_be_visible()
    page.get_by_role("link", name="Older").click()
    expect(page.get_by_role("link", name="Newest")).to_be_visible()


def test_a_run_is_opened_from_the_list(page: Page, busy_web: Web) -> None:
    visit(page, busy_web, "runs")
    page.get_by_role("table").get_by_role("link").first.click()
    expect(page).to_have_url(re.compile("#/runs/[0-9a-f-]{36}"))
    expect(page.get_by_role("heading", level=1)).to_contain_text("refresh-")


def test_the_trends_have_charts_with_tables_behind_them(page: Page, busy_web: Web) -> None:
    visit(page, busy_web, "trends?days=7")
    expect(page.get_by_role("img").first).to_be_visible()
    page.get_by_text("As a table").first.click()
    expect(page.get_by_role("table").first.get_by_role("row").nth(2)).to_be_visible()


def test_the_timeline_tells_what_did_not_come(page: Page, busy_web: Web) -> None:
    visit(page, busy_web, "?days=30")
    timeline = page.get_by_role("region", name="Calls")
    expect(timeline.get_by_role("link", name=re.compile("did not come")).first).to_be_attached()
    expect(timeline.get_by_role("link", name=re.compile("failed")).first).to_be_attached()


def test_the_timeline_shows_the_next_expected_call_past_now(page: Page, busy_web: Web) -> None:
    visit(page, busy_web)
    timeline = page.get_by_role("region", name="Calls")
    now = timeline.locator("line.now").bounding_box()
    for job in ("Scores", "Red flags"):
        mark = timeline.get_by_role("link", name=re.compile(f"^{job}, expected at"))
        place = mark.locator(".body").bounding_box()
        assert now is not None
        assert place is not None
        assert place["x"] > now["x"]
        mark.hover()
        expect(timeline.get_by_text("the next call, by the schedule")).to_be_visible()
    expect(timeline.get_by_text(re.compile("^expected at "))).not_to_have_count(0)


def test_without_a_schedule_no_call_is_expected(page: Page, web: Web, world: World) -> None:
    add_stocks(world, 3)
    world.data("refresh-all")
    visit(page, web)
    timeline = page.get_by_role("region", name="Calls")
    expect(timeline.get_by_role("link", name=re.compile("completed"))).to_have_count(2)
    expect(timeline.get_by_role("link", name=re.compile("expected"))).to_have_count(0)


def test_less_than_a_second_is_shown_in_milliseconds(page: Page, web: Web, world: World) -> None:
    add_stocks(world, 3)
    world.data("scores")
    for milliseconds, shown in ((40, "40 ms"), (999, "999 ms"), (1_000, "1 s"), (2_400, "2.4 s")):
        world.execute("UPDATE cron_job_runs SET duration_ms = :it", it=milliseconds)
        visit(page, web, "runs")
        expect(page.get_by_role("cell", name=shown, exact=True)).to_be_visible()
