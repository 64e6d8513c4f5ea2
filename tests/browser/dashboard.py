"""The page as its users find their way in it: by what is read and said, not by its markup."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urljoin

from playwright.sync_api import Locator, Page, expect

from tests.e2e.programs import Environment
from tests.e2e.web import Web, serving
from tests.world import World

VIEWS = ("", "trends", "failures", "freshness", "stocks", "calls", "runs")
"""Of the address, what follows `/dashboard#/`; a stock and a run have addresses of their own."""


def visit(page: Page, web: Web, view: str = "") -> None:
    """Open a view, and wait until everything in it is there, as it is now."""
    let_it_count(web)
    page.goto("about:blank")  # a browser goes from one part of a page to another without loading it anew
    page.goto(web.address(f"/dashboard#/{view}"))
    is_loaded(page)


@contextmanager
def served(page: Page, world: World, variables: Environment) -> Iterator[Web]:
    """A service of the test's own; the page, which goes on asking it, is left before it ends."""
    with serving(world, variables) as web:
        try:
            yield web
        finally:
            page.goto("about:blank")


def let_it_count(web: Web) -> None:
    """Have the service, of one process, no longer answer with what it knew before."""
    assert web.call("/v1/cron/overview", Cache_Control="no-cache").status == 200


def is_loaded(page: Page) -> None:
    """Wait until everything in the view is there."""
    expect(page.get_by_role("main")).to_be_visible()
    expect(page.get_by_text("Loading …")).to_have_count(0)


def verdict(page: Page) -> Locator:
    """The sentence that is read first."""
    return page.get_by_role("heading", level=1)


def card(page: Page, job: str) -> Locator:
    """The part of a job, by its title."""
    return page.get_by_role("region", name=job)


def button(card: Locator, name: str) -> Locator:
    """One of the job's buttons."""
    return card.get_by_role("button", name=re.compile(f"^{name}"))  # why it is refused may follow


def told(card: Locator) -> Locator:
    """What came of the button that was pressed last."""
    return card.get_by_role("status")


def expect_refused(button: Locator, reason: str) -> None:
    """The button is there, says why it does nothing, and does nothing."""
    expect(button).to_have_attribute("aria-disabled", "true")
    expect(button).to_have_accessible_name(f"{button_name(button)} ({reason})")
    expect(button).to_have_attribute("title", reason)


def button_name(button: Locator) -> str:
    return button.evaluate("(button) => button.firstChild.textContent.trim()")  # type: ignore[no-any-return]


def stop_the_news(page: Page) -> None:
    """From now on, the overview is always answered as it is now."""
    known = page.request.get(urljoin(page.url, "/v1/cron/overview")).json()
    page.route("**/v1/cron/overview", lambda route: route.fulfill(json=known))


def look_again(page: Page) -> None:
    """Have the page ask at once for all that it shows, as when a reader comes back to it."""
    page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")


def expect_no_scrolling_sideways(page: Page) -> None:
    """The page is no wider than the window."""
    widths = "[document.documentElement.scrollWidth, document.documentElement.clientWidth]"
    whole, seen = page.evaluate(widths)
    assert whole <= seen, f"{page.url}: {whole} pixels in a window of {seen}: {_widest(page)}"


def _widest(page: Page) -> list[str]:
    """What stands out of the window on the right, to find the fault."""
    found: list[str] = page.evaluate(
        """[...document.querySelectorAll("body *")]
          .filter((element) => element.getBoundingClientRect().right > document.documentElement.clientWidth + 0.5)
          .filter((element) => !element.closest(".table"))
          .map((element) => element.outerHTML.slice(0, 120)).slice(0, 5)"""
    )
    return found
