"""What the page does when answers fail, hang, come late or in another order, and where the reader is meanwhile."""

import re
from copy import deepcopy
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from playwright.sync_api import Browser, Locator, Page, Request, Route, expect

from tests.browser.complaints import Complaints
from tests.browser.dashboard import button, card, look_again, told, verdict, visit
from tests.browser.settings import PATIENCE_SECONDS
from tests.e2e.web import Web
from tests.integration.bare_stocks import add_stocks
from tests.integration.meddling import wait_until
from tests.integration.past_runs import add_calls
from tests.world import World

EVERYTHING = "**/v1/cron/**"
OVERVIEW = "**/v1/cron/overview"
DASH = " \N{EN DASH} "
NO_ANSWER = "The service does not answer"
HOUR = timedelta(hours=1)
BEHIND = timedelta(seconds=20)
"""By how much the clock of a reader is behind the service's."""
RECOVERED = 90_000  # milliseconds; between two attempts there are 30 s at most


def alerts(page: Page) -> Locator:
    return page.get_by_role("alert")


def lose_the_service(page: Page, path: str = EVERYTHING) -> None:
    page.route(path, lambda route: route.abort())


def hold(page: Page, path: str) -> list[Route]:
    """From now on what asks for this path waits; returns what waits."""
    held: list[Route] = []
    page.route(path, lambda route: held.append(route))
    return held


def latest(page: Page, held: list[Route]) -> Route:
    page.evaluate("null")  # lets what has come be handled
    return held[-1]


def is_fresh(request: Request) -> bool:
    return request.headers.get("cache-control") == "no-cache"


def finish(page: Page, route: Route, **answer: Any) -> None:
    """Answer what has waited, and return once the page has seen it."""
    with page.expect_event("requestfinished", lambda request: request == route.request):
        route.fulfill(**answer) if answer else route.continue_()
    page.evaluate("new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")


def go_to(page: Page, name: str) -> None:
    page.get_by_role("navigation", name="Pages").get_by_role("link", name=name, exact=True).click()


@pytest.fixture
def a_call(world: World) -> None:
    """Three stocks, and one call of each job for them."""
    add_stocks(world, 3)
    world.data("refresh-all")


def test_a_chart_may_become_shorter_under_the_pointer(page: Page, web: Web, world: World, a_call: None) -> None:
    add_calls(world, 20, every=HOUR, ago=HOUR)
    visit(page, web, "trends?days=1")
    chart = page.get_by_role("region", name="Longest call")
    chart.get_by_text("As a table").click()
    expect(chart.get_by_role("row").nth(20)).to_be_visible()
    plot = chart.locator(".u-over").bounding_box()
    assert plot is not None
    page.mouse.move(plot["x"] + plot["width"] - 3, plot["y"] + plot["height"] / 2)
    pointed = chart.locator(".row .muted")
    expect(pointed).to_have_text(re.compile(r"\d\d:\d\d"))

    def shortened(route: Route) -> None:
        answer: Any = route.fetch(headers={**route.request.headers, "if-none-match": ""}).json()
        for job in answer["data"]["jobs"].values():
            job["calls"] = job["calls"][:2]
        route.fulfill(json=answer)

    page.route("**/v1/cron/activity*", shortened)
    look_again(page)
    expect(chart.get_by_role("row").nth(5)).to_have_count(0)
    expect(chart.get_by_role("row").nth(1)).to_be_visible()
    expect(pointed).to_have_text("")


def test_the_table_behind_a_chart_has_times_as_the_reader_writes_them(page: Page, web: Web, a_call: None) -> None:
    visit(page, web, "trends?days=1")
    chart = page.get_by_role("region", name="Longest call")
    chart.get_by_text("As a table").click()
    time = chart.get_by_role("row").nth(1).get_by_role("time")
    expect(time).to_have_text(re.compile(r"\d\d:\d\d [AP]M$"))
    expect(time).to_have_attribute("datetime", re.compile(r"^20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$"))


def test_a_view_that_fails_says_so_and_the_others_go_on(page: Page, web: Web, complaints: Complaints) -> None:
    complaints.expect("TypeError")
    page.route("**/v1/cron/history*", lambda route: route.fulfill(json={"data": {"runs": None}}))
    visit(page, web, "runs")
    failed = page.get_by_role("heading", name="This view failed")
    expect(failed).to_be_visible()
    page.get_by_role("button", name="Try again").click()
    expect(failed).to_be_visible()
    go_to(page, "Calls")
    expect(page.get_by_role("heading", name="Calls")).to_be_visible()
    expect(failed).to_be_hidden()
    page.go_back()
    expect(failed).to_be_visible()
    page.unroute("**/v1/cron/history*")
    page.get_by_role("button", name="Try again").click()
    expect(page.get_by_role("heading", name="Runs")).to_be_visible()
    expect(page.get_by_text("There are no runs yet")).to_be_visible()


def test_a_service_that_hangs_is_told(page: Page, web: Web, a_call: None) -> None:
    visit(page, web)
    hold(page, EVERYTHING)
    expect(alerts(page).first).to_contain_text(NO_ANSWER)
    page.unroute(EVERYTHING)
    expect(alerts(page)).to_have_count(0, timeout=RECOVERED)


def test_a_call_that_hangs_is_told_in_the_end(page: Page, web: Web, a_call: None) -> None:
    page.add_init_script(
        "const of = AbortSignal.timeout; AbortSignal.timeout = (ms) => of.call(AbortSignal, ms > 30000 ? 500 : ms)"
    )
    visit(page, web)
    hold(page, "**/v1/cron/scores")
    button(card(page, "Scores"), "Next chunk").click()
    expect(told(card(page, "Scores"))).to_contain_text(f"Next chunk: {NO_ANSWER}")


def test_without_the_service_nothing_claims_to_be_well(
    page: Page, web: Web, a_call: None, complaints: Complaints
) -> None:
    complaints.expect("net::ERR_")
    visit(page, web)
    expect(verdict(page)).to_contain_text("✓")
    lose_the_service(page)
    expect(page).to_have_title(f"! {NO_ANSWER}{DASH}vettr-cron")
    expect(verdict(page)).to_have_text(re.compile(r"All 3 stocks are fresh, as of \d\d:\d\d [AP]M$"))
    expect(verdict(page)).not_to_contain_text("✓")
    page.unroute(EVERYTHING)
    expect(page).to_have_title(f"All 3 stocks are fresh{DASH}vettr-cron", timeout=RECOVERED)
    expect(verdict(page)).not_to_contain_text("as of")


def test_the_same_trouble_is_told_once(page: Page, web: Web, a_call: None, complaints: Complaints) -> None:
    complaints.expect("net::ERR_")
    visit(page, web)
    lose_the_service(page)
    go_to(page, "Trends")
    expect(page.get_by_text("Nothing is known yet.")).to_have_count(2)
    expect(page).to_have_title(f"! Trends{DASH}vettr-cron")
    expect(alerts(page)).to_have_count(1)
    page.unroute(EVERYTHING)
    expect(alerts(page)).to_have_count(0, timeout=RECOVERED)
    expect(page.get_by_role("region", name="Longest call")).to_be_visible(timeout=RECOVERED)


def test_an_old_answer_does_not_replace_a_newer_one(page: Page, web: Web, a_call: None) -> None:
    visit(page, web)
    old: Any = web.call("/v1/cron/overview").body
    new = deepcopy(old)
    new["data"]["jobs"]["scores"]["status"]["paused"] = {"since": "2026-01-01T00:00:00.000Z", "reason": None}
    held = hold(page, OVERVIEW)
    look_again(page)
    button(card(page, "Scores"), "Pause").click()
    page.get_by_role("dialog").get_by_role("button", name="Pause").click()
    expect(told(card(page, "Scores"))).to_contain_text("Paused")
    wait_until(lambda: is_fresh(latest(page, held).request), PATIENCE_SECONDS)
    *before, after = held
    assert before
    assert not any(is_fresh(route.request) for route in before)
    after.fulfill(json=new)
    expect(button(card(page, "Scores"), "Resume")).to_be_visible()
    for route in before:
        finish(page, route, json=old)
    assert button(card(page, "Scores"), "Resume").is_visible()


def test_the_runs_of_a_call_are_asked_for_until_they_come(
    page: Page, web: Web, a_call: None, complaints: Complaints
) -> None:
    complaints.expect("net::ERR_")
    visit(page, web, "calls")
    lose_the_service(page, "**/v1/cron/runs/*")
    page.get_by_role("table").get_by_role("button", expanded=False).first.click()
    expect(alerts(page)).to_contain_text("Trying again")
    page.unroute("**/v1/cron/runs/*")
    expect(page.get_by_role("heading", name="1 run")).to_be_visible()
    expect(alerts(page)).to_have_count(0)


def test_the_stocks_of_a_reason_are_asked_for_until_they_come(
    page: Page, web: Web, world: World, complaints: Complaints
) -> None:
    complaints.expect("net::ERR_")
    add_stocks(world, 3, unscorable=1)
    world.data("scores")
    visit(page, web, "failures")
    lose_the_service(page, "**/v1/cron/failures?*reason=*")
    page.get_by_role("link", expanded=False).first.click()
    expect(alerts(page)).to_contain_text("Trying again")
    page.unroute("**/v1/cron/failures?*reason=*")
    expect(page.get_by_role("button", name="Retry", exact=True)).to_be_visible()
    expect(alerts(page)).to_have_count(0)


def test_what_has_just_been_is_never_in_the_future(page: Page, web: Web, a_call: None) -> None:
    page.clock.set_fixed_time(datetime.now(UTC) - BEHIND)
    visit(page, web)
    expect(card(page, "Scores").get_by_role("definition").first).to_have_text("just now")
    expect(page.get_by_text(re.compile(r"in \d+ seconds"))).to_have_count(0)


def test_times_move_on_together(page: Page, web: Web, a_call: None) -> None:
    page.clock.install(time=datetime.now(UTC) - BEHIND)
    visit(page, web, "stocks/T00000")
    expect(page.get_by_text("just now").first).to_be_visible()
    page.route(EVERYTHING, lambda _: None)  # nothing else makes the page look at the time
    page.clock.fast_forward(200_000)
    expect(page.get_by_text("just now")).to_have_count(0)
    expect(page.get_by_text("3 minutes ago").first).to_be_visible()


def test_older_keeps_the_focus_and_what_is_shown_stays_until_more_is_there(page: Page, web: Web, world: World) -> None:
    add_calls(world, 120, every=HOUR, ago=HOUR)
    visit(page, web, "calls")
    older = page.get_by_role("link", name="Older")
    rows = page.get_by_role("table").get_by_role("row")
    listing = page.get_by_role("region", name="Calls")
    expect(rows.nth(1)).to_contain_text("Scores")  # the jobs' titles may come after the calls
    newest = rows.nth(1).inner_text()
    hold(page, "**/v1/cron/calls*")
    with page.expect_request("**/v1/cron/calls*"):
        older.press("Enter")
    expect(listing).to_have_attribute("aria-busy", "true")
    expect(rows.nth(1)).to_have_text(newest, use_inner_text=True)
    expect(older).to_be_focused()
    page.unroute("**/v1/cron/calls*")
    expect(rows.nth(1)).not_to_have_text(newest, use_inner_text=True)
    expect(listing).to_have_attribute("aria-busy", "false")
    expect(older).to_be_focused()
    older.press("Enter")
    expect(rows).to_have_count(21)
    expect(older).to_have_attribute("aria-disabled", "true")
    expect(older).to_be_focused()


def test_another_view_begins_at_its_heading(page: Page, web: Web, a_call: None) -> None:
    visit(page, web)
    assert page.evaluate("document.activeElement.tagName") == "BODY"
    for name in ("Trends", "Failures", "Calls", "Runs"):
        go_to(page, name)
        expect(page.get_by_role("heading", level=1, name=name)).to_be_focused()
    go_to(page, "Stocks")
    expect(page.get_by_role("searchbox")).to_be_focused()
    page.keyboard.type("T00000")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_contain_text("Company 0")
    expect(page.get_by_role("main")).to_be_focused()


@pytest.mark.parametrize(
    ("view", "title"),
    [
        ("trends", "Trends"),
        ("failures", "Failures"),
        ("freshness", "Freshness"),
        ("stocks", "Stocks"),
        ("stocks/T00000", "T00000"),
        ("calls", "Calls"),
        ("runs", "Runs"),
        ("runs/0123456789", "Run 01234567"),
        ("nowhere", "No such page"),
        ("constructor", "No such page"),
    ],
)
def test_each_view_has_a_title(
    page: Page, web: Web, world: World, view: str, title: str, complaints: Complaints
) -> None:
    complaints.expect("status of 4")
    add_stocks(world, 3)
    world.data("refresh-all")
    visit(page, web, view)
    expect(page).to_have_title(f"{title}{DASH}vettr-cron")


def test_a_problem_is_in_the_title_of_each_view_with_times_of_the_reader(page: Page, web: Web, a_call: None) -> None:
    answer: Any = web.call("/v1/cron/overview").body
    answer["data"]["verdict"] = {
        "state": "problem", "sentence": "1200 stocks are stale since 2026-01-15 15:04 UTC", "fix": None,
    }  # fmt: skip
    page.route(OVERVIEW, lambda route: route.fulfill(json=answer))
    visit(page, web, "runs")
    expect(page).to_have_title(f"! Runs{DASH}vettr-cron")
    go_to(page, "Overview")
    expect(page).to_have_title(re.compile(rf"^! 1,200 stocks are stale since .*10:04 AM{DASH}vettr-cron$"))


def test_a_search_that_is_answered_late_leads_nowhere_once_one_has_left(page: Page, web: Web, a_call: None) -> None:
    visit(page, web)
    go_to(page, "Stocks")
    held = hold(page, "**/v1/cron/stocks?*")
    page.keyboard.type("T00000")
    with page.expect_request("**/v1/cron/stocks?*"):
        page.keyboard.press("Enter")
    go_to(page, "Runs")
    expect(page.get_by_role("heading", name="Runs")).to_be_visible()
    latest(page, held)
    for route in held:
        finish(page, route)
    expect(page.get_by_role("heading", name="Runs")).to_be_visible()
    assert page.url.endswith("#/runs")


def test_only_the_count_of_what_is_found_is_read_out(page: Page, web: Web, a_call: None) -> None:
    visit(page, web, "stocks?search=T0000")
    count = page.get_by_role("main").locator("[aria-live]")
    expect(count).to_have_text("3 stocks found.")
    expect(count.get_by_role("table")).to_have_count(0)
    expect(page.get_by_role("table").get_by_role("row")).to_have_count(4)
    page.get_by_role("searchbox").fill("nothing")
    expect(count).to_contain_text("No ticker begins with")


def test_words_are_english_and_numbers_are_the_readers(browser: Browser, web: Web, world: World) -> None:
    add_stocks(world, 1_200)
    world.data("scores")
    context = browser.new_context(locale="de-DE", timezone_id="Europe/Berlin")
    page = context.new_page()
    page.set_default_timeout(PATIENCE_SECONDS * 1000)
    page.clock.install()
    visit(page, web)
    page.clock.fast_forward(5 * 60_000)
    expect(card(page, "Scores")).to_contain_text("100 of 1.200 stocks")
    expect(card(page, "Scores").get_by_text("5 minutes ago").first).to_be_visible()
    context.close()


def test_after_a_refusal_nothing_is_asked_for_until_one_signs_in(
    page: Page, production: Web, complaints: Complaints
) -> None:
    complaints.expect("status of 401")
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.clock.install()
    page.goto(production.address("/dashboard"))
    expect(page.get_by_label("Secret")).to_be_focused()
    before = len(asked)
    page.clock.fast_forward(120_000)
    look_again(page)
    page.evaluate("fetch('/healthz').then((answer) => answer.text())")  # what was asked for before this is known now
    assert [url for url in asked[before:] if "/v1/cron/" in url] == []
