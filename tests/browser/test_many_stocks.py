"""A universe far larger than any that is expected."""

from playwright.sync_api import Page, expect

from tests.browser.dashboard import card, served, verdict
from tests.browser.settings import WITHOUT_SECRET
from tests.integration.bare_stocks import add_stocks
from tests.world import World


def test_the_overview_of_100_000_stocks(page: Page, world: World) -> None:
    add_stocks(world, 100_000)
    world.execute(
        "INSERT INTO cron_stock_states (job, ticker, last_cycle_id, last_refreshed_at, consecutive_failures) "
        "SELECT 'scores', ticker, '00000000-0000-4000-8000-000000000000', datetime('now'), 0 FROM stocks"
    )
    # A process of its own: it keeps counts for twenty times as long as they took, and other tests would wait for that.
    with served(page, world, WITHOUT_SECRET) as web:
        page.goto(web.address("/dashboard"))
        expect(verdict(page)).to_be_visible()
        expect(card(page, "Scores")).to_contain_text("100,000 fresh")
