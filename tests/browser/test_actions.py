"""What can be done on the page: each button does what it says, or says why not."""

import re

import pytest
from playwright.sync_api import APIResponse, Page, Route, expect

from tests.browser.complaints import Complaints
from tests.browser.dashboard import button, card, expect_refused, served, stop_the_news, told, visit
from tests.browser.settings import WITHOUT_SECRET
from tests.e2e.web import Web
from tests.integration.bare_stocks import add_stocks
from tests.world import World

ALL_BUTTONS = ["Next chunk", "Whole cycle", "Retry failed", "Pause", "Reset"]


def test_the_next_chunk_then_the_rest_of_the_cycle(page: Page, web: Web, world: World) -> None:
    add_stocks(world, 250)
    visit(page, web)
    scores = card(page, "Scores")
    assert [each.split(" (")[0] for each in scores.get_by_role("button").all_text_contents()] == ALL_BUTTONS
    button(scores, "Next chunk").click()
    expect(told(scores)).to_have_text(re.compile(r"100 stocks in [\d.]+ m?s$"))
    expect(scores).to_contain_text("100 of 250 stocks in this cycle")
    expect(scores).to_contain_text("100 fresh")
    button(scores, "Rest of the cycle").click()
    expect(told(scores)).to_have_text(re.compile("150 stocks in .*; the cycle is complete$"))
    expect(scores).to_contain_text("250 fresh")
    expect(button(scores, "Whole cycle")).to_be_visible()
    assert len(world.table("vetr_score_history")) == 250
    assert world.table("red_flag_history") == []


def test_a_chunk_for_which_there_is_no_time_is_not_followed_by_another(page: Page, web: Web, world: World) -> None:
    add_stocks(world, 250)

    def cut(route: Route) -> None:
        response = route.fetch()
        body = response.json()
        body["data"]["stop_reason"] = "time_budget"
        route.fulfill(response=response, json=body)

    visit(page, web)
    scores = card(page, "Scores")
    page.route("**/v1/cron/scores", cut)
    button(scores, "Next chunk").click()
    expect(told(scores)).to_have_text(re.compile(r"100 stocks in [\d.]+ m?s$"))
    assert len(world.table("vetr_score_history")) == 100


def test_it_is_told_that_a_calls_time_was_enough_for_no_stock(page: Page, web: Web, world: World) -> None:
    add_stocks(world, 10)

    def cut(route: Route) -> None:
        response = route.fetch()
        body = response.json()
        body["data"].update(stop_reason="time_budget", stocks_processed=0, succeeded=0)
        body["data"]["chunk_info"]["is_complete"] = False
        route.fulfill(response=response, json=body)

    visit(page, web)
    page.route("**/v1/cron/scores", cut)
    button(card(page, "Scores"), "Whole cycle").click()
    expect(told(card(page, "Scores"))).to_contain_text("No stock was done in the time that a call has")


def test_a_whole_cycle_takes_as_many_calls_as_its_time_needs(page: Page, world: World) -> None:
    add_stocks(world, 1_500)
    with served(page, world, {**WITHOUT_SECRET, "CRON_CHUNK_SIZE": "2", "CRON_TIME_BUDGET_SECONDS": "1"}) as web:
        visit(page, web)
        button(card(page, "Scores"), "Whole cycle").click()
        expect(told(card(page, "Scores"))).to_have_text(re.compile("1,500 stocks in .*; the cycle is complete$"))
    assert len(world.table("cron_calls")) > 1


def test_a_whole_cycle_of_the_red_flags(page: Page, web: Web, world: World) -> None:
    add_stocks(world, 120)
    visit(page, web)
    flags = card(page, "Red flags")
    button(flags, "Whole cycle").click()
    expect(told(flags)).to_have_text(re.compile("120 stocks in .*; the cycle is complete$"))
    expect(flags).to_contain_text("120 fresh")
    assert {row["job"] for row in world.table("cron_calls")} == {"red-flags"}


def test_failed_stocks_are_retried(page: Page, web: Web, world: World) -> None:
    add_stocks(world, 40, unscorable=2)
    world.data("scores")
    visit(page, web)
    scores = card(page, "Scores")
    expect(scores).to_contain_text("2 failing")
    button(scores, "Retry failed").click()
    expect(told(scores)).to_have_text(re.compile("2 of 2 stocks failed again$"))
    world.execute("UPDATE stocks SET price = 1.5")
    button(scores, "Retry failed").click()
    expect(told(scores)).to_have_text(re.compile(r"2 stocks in [\d.]+ m?s$"))
    expect(scores).to_contain_text("0 failing")
    expect_refused(button(scores, "Retry failed"), "no stock fails")


def test_it_is_told_in_words_how_many_failed_again(page: Page, web: Web, world: World, complaints: Complaints) -> None:
    complaints.expect("status of 500")
    add_stocks(world, 20, unscorable=10)
    world.data("scores")
    world.execute("UPDATE stocks SET price = 1.5 WHERE ticker IN ('T00000', 'T00009')")
    visit(page, web)
    scores = card(page, "Scores")
    button(scores, "Retry failed").click()
    expect(told(scores)).to_have_text(re.compile("8 of 10 stocks failed again$"))
    expect(scores).to_contain_text("8 failing")
    button(scores, "Retry failed").click()
    expect(told(scores)).to_have_text(re.compile("8 of 8 stocks failed again$"))


def test_all_failed_stocks_are_retried_though_too_many_of_a_chunk_fail_again(
    page: Page, web: Web, world: World, complaints: Complaints
) -> None:
    complaints.expect("status of 500")
    add_stocks(world, 250, unscorable=230)
    for _chunk in range(3):
        world.call("scores")
    visit(page, web)
    scores = card(page, "Scores")
    expect(scores).to_contain_text("230 failing")
    button(scores, "Retry failed").click()
    expect(told(scores)).to_have_text(re.compile("230 of 230 stocks failed again$"))


def test_it_is_told_in_words_that_too_many_fail(page: Page, web: Web, world: World, complaints: Complaints) -> None:
    complaints.expect("status of 500")
    add_stocks(world, 10, unscorable=8)
    visit(page, web)
    scores = card(page, "Scores")
    button(scores, "Next chunk").click()
    expect(told(scores)).to_have_text(re.compile(r"10 stocks in [\d.]+ m?s, 8 failed, more than is tolerated"))


def test_a_job_is_paused_with_a_reason_and_resumed(page: Page, web: Web, world: World) -> None:
    add_stocks(world, 3)
    world.data("refresh-all")
    visit(page, web)
    scores = card(page, "Scores")
    button(scores, "Pause").click()
    dialog = page.get_by_role("dialog", name="Pause Scores")
    dialog.get_by_role("button", name="Cancel").click()
    expect(dialog).to_be_hidden()
    assert world.table("cron_pauses") == []

    button(scores, "Pause").click()
    dialog.get_by_label("Reason").fill("prices are reloaded")
    dialog.get_by_role("button", name="Pause").click()
    expect(told(scores)).to_contain_text("Paused")
    expect(scores).to_contain_text("Paused: prices are reloaded")
    assert [(row["job"], row["reason"]) for row in world.table("cron_pauses")] == [("scores", "prices are reloaded")]
    for name in ("Next chunk", "Whole cycle", "Retry failed"):
        expect_refused(button(scores, name), "the job is paused")

    button(scores, "Resume").click()
    expect(told(scores)).to_contain_text("Resumed")
    expect(button(scores, "Pause")).to_be_visible()
    assert world.table("cron_pauses") == []


@pytest.mark.parametrize("answers", ["soon", "last"])
def test_a_run_is_paused_on_its_way(page: Page, world: World, answers: str) -> None:
    """Whether the pause is answered before the call that it ends, or after it."""
    add_stocks(world, 20_000)  # more than it gets to
    held: list[tuple[Route, APIResponse]] = []
    if answers == "last":
        page.route("**/v1/cron/pause", lambda route: held.append((route, route.fetch())))
    with served(page, world, {**WITHOUT_SECRET, "CRON_CHUNK_SIZE": "2"}) as web:
        visit(page, web)
        scores = card(page, "Scores")
        button(scores, "Whole cycle").click()
        expect(scores).to_contain_text("of 20,000 stocks in this cycle")
        button(scores, "Pause").click()
        page.get_by_role("dialog", name="Pause Scores").get_by_role("button", name="Pause").click()
        of_the_run = re.compile(r"[\d,]+ stocks in .*; then the job was paused$")
        expect(told(scores)).to_have_text(of_the_run)
        expect(button(scores, "Resume")).to_be_visible()
        for route, response in held:
            route.fulfill(response=response)
        expect(button(scores, "Resume")).to_have_attribute("aria-disabled", "false")
        expect(told(scores)).to_have_text(of_the_run)


def test_a_pause_that_fails_after_the_run_is_told(page: Page, web: Web, world: World, complaints: Complaints) -> None:
    complaints.expect("ERR_FAILED")
    add_stocks(world, 20)
    held: list[Route] = []
    page.route("**/v1/cron/pause", lambda route: held.append(route))
    visit(page, web)
    scores = card(page, "Scores")
    button(scores, "Pause").click()
    page.get_by_role("dialog", name="Pause Scores").get_by_role("button", name="Pause").click()
    button(scores, "Whole cycle").click()
    expect(told(scores)).to_have_text(re.compile("20 stocks in .*; the cycle is complete$"))
    held[0].abort()
    expect(told(scores)).to_contain_text("Pause: ")


def test_while_all_jobs_are_paused_a_stock_is_not_refreshed(page: Page, web: Web, world: World) -> None:
    add_stocks(world, 1)
    world.data("pause?job=scores", method="POST")
    visit(page, web, "stocks/T00000")
    expect(page.get_by_role("button", name="Refresh it now")).to_have_attribute("aria-disabled", "false")
    world.data("pause", method="POST")
    refused = "Scores: the job is paused; Red flags: the job is paused"
    expect_refused(page.get_by_role("button", name="Refresh it now"), refused)


def test_a_command_leads_to_the_view_that_shows_the_same(page: Page, web: Web, world: World) -> None:
    add_stocks(world, 40, unscorable=2)
    world.data("refresh-all")
    visit(page, web)
    command = card(page, "Scores").get_by_role("link", name="flask --app wsgi cron failures --job scores")
    expect(card(page, "Scores")).to_contain_text("2 of 40 stocks failed last time")
    expect(command).to_have_attribute("href", "#/failures?job=scores")


@pytest.mark.parametrize("way", ["Cancel", "Escape"])
def test_a_reset_asks_first_and_does_nothing_when_it_is_refused(page: Page, web: Web, world: World, way: str) -> None:
    add_stocks(world, 150)
    world.data("scores")
    visit(page, web)
    button(card(page, "Scores"), "Reset").click()
    dialog = page.get_by_role("dialog", name="Start the cycle of Scores again?")
    expect(dialog).to_contain_text("100 stocks of this cycle keep their results")
    if way == "Cancel":
        dialog.get_by_role("button", name="Cancel").click()
    else:
        page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()
    expect(button(card(page, "Scores"), "Reset")).to_be_focused()
    assert world.redis.get("cron:scores:offset") == "100"


def test_after_a_reset_the_cycle_begins_again(page: Page, web: Web, world: World) -> None:
    add_stocks(world, 150)
    world.data("refresh-all")
    visit(page, web)
    scores = card(page, "Scores")
    button(scores, "Reset").click()
    page.get_by_role("dialog").get_by_role("button", name="Reset").click()
    expect(told(scores)).to_have_text(re.compile("The next call starts a new cycle"))
    expect(scores.get_by_text("stocks in this cycle")).to_be_hidden()
    expect_refused(button(scores, "Reset"), "no cycle is under way")
    assert world.redis.get("cron:scores:offset") in {None, "0"}
    assert world.redis.get("cron:red-flags:offset") == "100"


def test_without_stocks_the_buttons_say_why_they_do_nothing(page: Page, web: Web, world: World) -> None:
    visit(page, web)
    scores = card(page, "Scores")
    for name in ("Next chunk", "Whole cycle", "Retry failed"):
        expect_refused(button(scores, name), "there are no stocks")
        button(scores, name).click(force=True)
        button(scores, name).press("Enter")
    expect(told(scores)).to_have_text("")
    assert world.table("cron_calls") == []


def test_a_pause_that_the_page_does_not_know_yet_is_told_in_place(page: Page, web: Web, world: World) -> None:
    add_stocks(world, 3)
    visit(page, web)
    scores = card(page, "Scores")
    stop_the_news(page)
    world.data("pause?job=scores", method="POST")
    button(scores, "Next chunk").click()
    expect(told(scores)).to_contain_text("The job is paused")
    assert world.table("vetr_score_history") == []
