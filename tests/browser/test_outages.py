"""A server that goes and comes back under the open page: said in place, and the page recovers by itself."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.browser.complaints import Complaints
from tests.browser.dashboard import button, card, served, told, verdict, visit
from tests.browser.settings import WITHOUT_SECRET
from tests.e2e.programs import free_port
from tests.e2e.web import serving
from tests.integration.bare_stocks import add_stocks
from tests.servers.redis_server import PrivateRedis
from tests.world import World

RECOVERED = 90_000  # milliseconds; between two attempts there are 30 s at most
REFUSED = ("status of 503", "net::ERR_")


@pytest.fixture
def world(migrated_sqlite_url: str, stoppable_redis: PrivateRedis) -> Iterator[World]:
    world = World.make(migrated_sqlite_url, stoppable_redis.url)
    add_stocks(world, 3)
    world.data("refresh-all")
    yield world
    world.close()


def expect_trouble(page: Page, text: str) -> None:
    expect(page.get_by_role("alert").first).to_contain_text(text)
    expect(page.get_by_role("alert").first).to_contain_text("Trying again")
    expect(verdict(page)).to_contain_text("All 3 stocks are fresh")  # what was last known stays


def expect_all_is_well(page: Page) -> None:
    expect(page.get_by_role("alert")).to_have_count(0, timeout=RECOVERED)
    button(card(page, "Scores"), "Next chunk").click()
    expect(told(card(page, "Scores"))).to_contain_text("3 stocks in")


def test_a_redis_that_stops_and_starts(
    page: Page, world: World, stoppable_redis: PrivateRedis, complaints: Complaints
) -> None:
    complaints.expect(*REFUSED)
    with served(page, world, WITHOUT_SECRET) as web:
        visit(page, web)
        stoppable_redis.stop()
        expect_trouble(page, "Redis")
        button(card(page, "Scores"), "Next chunk").click()
        expect(told(card(page, "Scores"))).to_contain_text("Next chunk: ")
        expect(told(card(page, "Scores"))).to_contain_text("Redis")
        stoppable_redis.start()
        expect_all_is_well(page)


def test_a_service_that_stops_and_starts(page: Page, world: World, complaints: Complaints) -> None:
    complaints.expect(*REFUSED)
    port = free_port()
    with serving(world, WITHOUT_SECRET, port) as web:
        visit(page, web)
    expect_trouble(page, "The service does not answer")
    button(card(page, "Scores"), "Next chunk").click()
    expect(told(card(page, "Scores"))).to_contain_text("Next chunk: The service does not answer")
    with serving(world, WITHOUT_SECRET, port):
        expect_all_is_well(page)


def test_a_database_that_is_gone_is_told(page: Page, world: World, complaints: Complaints, tmp_path: Path) -> None:
    complaints.expect(*REFUSED)
    with served(page, world, WITHOUT_SECRET) as web:
        visit(page, web)
        world.execute("ALTER TABLE stocks RENAME TO gone")
        expect_trouble(page, "atabase")
        world.execute("ALTER TABLE gone RENAME TO stocks")
        expect_all_is_well(page)
