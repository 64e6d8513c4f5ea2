"""Everything can be done without a mouse."""

import re

from playwright.sync_api import Page, expect

from tests.browser.complaints import Complaints
from tests.browser.dashboard import button, card, let_it_count, told
from tests.e2e.web import Web
from tests.integration.bare_stocks import add_stocks
from tests.world import SECRET, World

MOST_STEPS = 60


def step_to(page: Page, name: str) -> None:
    """Press Tab until an element of this name has the focus, which must be seen."""
    for _ in range(MOST_STEPS):
        page.keyboard.press("Tab")
        focused = page.locator(":focus")
        if focused.count() and re.match(name, focused.inner_text().strip()):
            expect(focused).to_be_in_viewport()
            expect(focused).not_to_have_css("outline-style", "none")
            return
    raise AssertionError(f"{name} cannot be reached by Tab")


def test_from_the_sign_in_to_a_retry(page: Page, production: Web, world: World, complaints: Complaints) -> None:
    complaints.expect("status of 401")
    add_stocks(world, 40, unscorable=2)
    world.data("scores")
    world.execute("UPDATE stocks SET price = 1.5")
    let_it_count(production)
    page.goto(production.address("/dashboard"))
    expect(page.get_by_label("Secret")).to_be_focused()
    page.keyboard.type(SECRET)
    page.keyboard.press("Enter")
    expect(card(page, "Scores")).to_contain_text("2 failing")

    step_to(page, "Pause")
    page.keyboard.press("Enter")
    expect(page.get_by_role("dialog").get_by_label("Reason")).to_be_focused()
    page.keyboard.type("a moment")
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_be_hidden()
    expect(button(card(page, "Scores"), "Pause")).to_be_focused()
    page.keyboard.press("Shift+Tab")
    expect(button(card(page, "Scores"), "Retry failed")).to_be_focused()
    page.keyboard.press("Space")
    expect(told(card(page, "Scores"))).to_have_text(re.compile(r"2 stocks in [\d.]+ m?s$"))
    expect(button(card(page, "Scores"), "Retry failed")).to_be_focused()
    assert world.table("cron_pauses") == []
