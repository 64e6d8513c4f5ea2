"""The overview: how the service fares, at a glance, and what to do."""

import re
from datetime import timedelta

from playwright.sync_api import Page, expect

from tests.browser.dashboard import card, served, told, verdict, visit
from tests.browser.settings import WITHOUT_SECRET
from tests.e2e.programs import environment, flask, started
from tests.e2e.web import Web
from tests.integration.bare_stocks import add_stocks
from tests.integration.past_runs import add_calls
from tests.servers.celery_worker import Work, working
from tests.world import World

HOUR = timedelta(hours=1)


def test_a_service_that_is_well_says_so_in_one_sentence(page: Page, web: Web, world: World) -> None:
    add_stocks(world, 3)
    world.data("refresh-all")
    visit(page, web)
    expect(verdict(page)).to_have_text(re.compile("All 3 stocks are fresh"))
    expect(page).to_have_title("All 3 stocks are fresh \N{EN DASH} vettr-cron")
    for job in ("Scores", "Red flags"):
        expect(card(page, job)).to_contain_text("OK")
        expect(card(page, job)).to_contain_text("3 fresh")
        expect(card(page, job)).to_contain_text("100%")
        expect(card(page, job).get_by_role("progressbar")).to_be_hidden()


def test_workers_and_what_they_do_are_told(page: Page, migrated_postgres_url: str, redis_url: str) -> None:
    world = World.make(migrated_postgres_url, redis_url, cron_engine="celery")
    add_stocks(world, 30)
    work = Work(database_url=world.database_url, redis_url=world.redis_url, processes=2)
    with served(page, world, {**WITHOUT_SECRET, "CRON_ENGINE": "celery"}) as web:
        visit(page, web)
        expect(verdict(page)).to_contain_text("No worker is alive to do groups of stocks")
        expect(page.get_by_text("cron worker")).to_be_visible()
        with working(work):
            assert world.data("refresh-all?chunks=all")["scores"]["succeeded"] == 30
            visit(page, web)
            expect(verdict(page)).to_contain_text("All 30 stocks are fresh")
            expect(page.get_by_text("30 stocks; calls are known since")).to_contain_text("; 1 worker")
    world.close()


def test_without_stocks_it_says_how_to_get_some(page: Page, web: Web) -> None:
    visit(page, web)
    expect(verdict(page)).to_contain_text("No stocks yet")
    expect(page.get_by_text("make refresh")).to_be_visible()
    expect(page.get_by_text("stocks import").first).to_be_visible()


def test_failing_stocks_are_told_and_lead_to_their_list(page: Page, web: Web, world: World) -> None:
    add_stocks(world, 40, unscorable=10)
    world.data("refresh-all")
    visit(page, web)
    expect(verdict(page)).to_contain_text("Scores: 10 of 40 stocks failed last time")
    expect(page).to_have_title(re.compile("^! Scores: 10 of 40"))
    expect(card(page, "Scores")).to_contain_text("Warning")
    expect(card(page, "Red flags")).to_contain_text("OK")
    card(page, "Scores").get_by_role("link", name="10 failing").click()
    expect(page).to_have_url(web.address("/dashboard#/failures?job=scores"))


def test_a_paused_job_is_told_with_the_reason(page: Page, web: Web, world: World) -> None:
    add_stocks(world, 3)
    world.data("refresh-all")
    world.data("pause?job=scores&reason=prices+are+reloaded", method="POST")
    visit(page, web)
    expect(verdict(page)).to_contain_text("Scores: Paused: prices are reloaded")
    expect(card(page, "Scores").get_by_text("Paused", exact=True)).to_be_visible()
    expect(card(page, "Red flags")).to_contain_text("OK")


def test_a_late_call_is_told_with_the_time_in_the_readers_zone(page: Page, world: World) -> None:
    add_stocks(world, 3)
    for job in ("scores", "red-flags"):
        world.data(job)
        world.execute("DELETE FROM cron_calls WHERE job = :job", job=job)
        add_calls(world, 5, every=HOUR, ago=5 * HOUR, job=job, stocks=3, is_complete=True)
    with served(page, world, {**WITHOUT_SECRET, "CRON_SCHEDULE": "0 * * * *"}) as web:
        visit(page, web)
        expect(verdict(page)).to_contain_text(re.compile("No call since .*, though one was expected"))
        expect(page.get_by_text("Every stock is fresh.")).to_be_visible()
        shown = verdict(page).get_by_role("time").first
        expect(shown).to_have_attribute("title", re.compile(r"^20\d\d-\d\d-\d\d \d\d:\d\d:00 UTC$"))
        in_toronto = shown.evaluate(
            """(time) => new Date(time.dateTime)
              .toLocaleTimeString("en-US", { timeZone: "America/Toronto", hour: "2-digit", minute: "2-digit" })"""
        )
        expect(shown).to_contain_text(in_toronto)
        expect(card(page, "Scores")).to_contain_text("Problem")
        expect(page).to_have_title(re.compile("^! "))


def test_a_cycle_is_seen_moving(page: Page, world: World) -> None:
    add_stocks(world, 20_000)  # more than it gets to: it runs until all has been seen
    whole_cycle = flask("cron", "scores", "--chunk-size", "2", "--chunks", "all")
    with served(page, world, WITHOUT_SECRET) as web:  # of its own: it keeps the counts of many stocks for a while
        visit(page, web)
        progress = card(page, "Scores").get_by_role("progressbar", name="Progress of the cycle")
        expect(progress).to_be_hidden()
        with started(whole_cycle, environment(world)):
            expect(card(page, "Scores").get_by_text("Running", exact=True)).to_be_visible()
            expect(progress).to_be_visible()
            page.wait_for_function("(bar) => bar.value > 0", arg=progress.element_handle())
            first = int(progress.evaluate("(bar) => bar.value"))
            page.wait_for_function("([bar, first]) => bar.value > first", arg=[progress.element_handle(), first])
            expect(
                card(page, "Scores").get_by_text(re.compile(r"of 20,000 stocks in this cycle, .* a second, .* left"))
            ).to_be_visible()
            expect(card(page, "Red flags").get_by_text("Running", exact=True)).to_be_hidden()
            expect(told(card(page, "Scores"))).to_have_text("")


def test_two_tabs_show_the_same(page: Page, web: Web, world: World) -> None:
    add_stocks(world, 150)
    other = page.context.new_page()
    for tab in (page, other):
        visit(tab, web)
    card(page, "Scores").get_by_role("button", name="Next chunk").click()
    for tab in (page, other):
        expect(card(tab, "Scores")).to_contain_text("100 of 150 stocks in this cycle")
    card(other, "Scores").get_by_role("button", name="Rest of the cycle").click()
    for tab in (page, other):
        expect(card(tab, "Scores")).to_contain_text("150 fresh")
