"""python -m tests.browser.screenshots: the pictures of the documentation, from a service of its own with the demo.

The page is told that it is always the same time: all times in the answers are moved by as much. So the pictures of
two runs differ only by what the demo's stocks score on another day.
"""

import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from playwright.sync_api import Browser, Error, Page, Route, ViewportSize, expect, sync_playwright

from tests.browser.browsers import program
from tests.browser.dashboard import is_loaded, let_it_count, verdict
from tests.browser.past import EVERY, schedule_of, write_past
from tests.browser.settings import WITHOUT_SECRET
from tests.e2e.programs import PROJECT, environment, flask, started
from tests.e2e.web import Web, serving
from tests.servers.redis_server import PrivateRedis
from tests.world import World, migrate_database
from vettr_cron.services.clock import utc_now

FOLDER = PROJECT / "docs" / "images"
NOW = datetime(2026, 11, 27, 14, 20, 30, tzinfo=UTC)
SINCE_THE_CALL = timedelta(minutes=20, seconds=30)
DESK, PHONE = ViewportSize(width=1280, height=860), ViewportSize(width=390, height=844)
A_STOCK = "AA"
TIME = re.compile(r"(20\d\d-\d\d-\d\d)([T ])(\d\d:\d\d)((?::\d\d(?:\.\d+)?)?)(Z| UTC)")
FAILING = 14  # stocks
MOST_BYTES = 200_000


def main() -> None:
    """Make all pictures anew."""
    FOLDER.mkdir(exist_ok=True)
    newest = (utc_now() - SINCE_THE_CALL).replace(second=0, microsecond=0)  # an expected time is a whole minute
    now = newest + SINCE_THE_CALL
    with tempfile.TemporaryDirectory() as folder, PrivateRedis().running() as redis, sync_playwright() as playwright:
        world = World.make(f"sqlite:///{folder}/vettr.db", redis.url)
        fill(world, newest)
        browser = playwright.chromium.launch(executable_path=program())
        with serving(world, {**WITHOUT_SECRET, "CRON_SCHEDULE": schedule_of(newest)}) as web:
            studio = Studio(browser, web, NOW.replace(tzinfo=None) - now)
            of_a_service_that_is_well(studio)
            of_a_running_cycle(studio, world, newest)
            of_failing_stocks(studio, world, newest)
            of_a_scheduler_that_is_off(studio, world, newest)
        browser.close()
        world.close()
    for picture in sorted(FOLDER.glob("*.png")):
        size = picture.stat().st_size
        print(f"{picture.relative_to(PROJECT)}: {size // 1000} KB")
        assert size < MOST_BYTES, f"{picture} is larger than {MOST_BYTES} bytes"


def fill(world: World, newest: datetime) -> None:
    """The demo's stocks, refreshed for a month."""
    migrate_database(world.database_url)
    world.services.universe.load_demo(utc_now().date(), lambda _: None)
    world.data("refresh-all?chunks=all")
    date_back(world, newest)
    write_past(world, newest)


def date_back(world: World, newest: datetime) -> None:
    """As if what was done just now had been done by the newest call."""
    began, ended = str(newest + timedelta(seconds=1)), str(newest + timedelta(seconds=4))
    recently = str(newest + timedelta(minutes=1))
    for change in (
        "UPDATE cron_calls SET started_at = :began, ended_at = :ended WHERE started_at > :recently",
        "UPDATE cron_job_runs SET started_at = :began, completed_at = :ended WHERE started_at > :recently",
        "UPDATE OR REPLACE cron_samples SET taken_at = :ended, oldest = :began WHERE taken_at > :recently",
        "UPDATE cron_stock_states SET last_refreshed_at = :began WHERE last_refreshed_at > :recently",
        "UPDATE cron_stock_states SET last_failed_at = :ended, failing_since = :ended WHERE last_failed_at > :recently",
    ):
        given = {"began": began, "ended": ended, "recently": recently}
        world.execute(change, **{name: value for name, value in given.items() if f":{name}" in change})


def of_a_service_that_is_well(studio: "Studio") -> None:
    for scheme in ("light", "dark"):
        with studio.opened("", scheme=scheme) as page:
            take(page, f"overview-{scheme}")
    with studio.opened("", size=PHONE) as page:
        take(page, "overview-phone")
    with studio.opened(f"stocks/{A_STOCK}") as page:
        take(page, "stock")
    with studio.opened("trends?days=30") as page:
        take(page, "trends")


def of_a_running_cycle(studio: "Studio", world: World, newest: datetime) -> None:
    cycle = flask("cron", "scores", "--chunk-size", "4", "--chunks", "all")
    with studio.opened("", time_passes=True) as page, started(cycle, environment(world)) as command:
        bar = page.get_by_role("progressbar").element_handle(timeout=60_000)
        for done in (300, 800):  # seen twice, so that the page knows how fast it goes
            page.wait_for_function("([bar, done]) => bar.value > done", arg=[bar, done], timeout=60_000)
        take(page, "running")
        command.wait()
    world.execute("DELETE FROM cron_calls WHERE started_at > :at", at=str(newest + timedelta(minutes=1)))
    date_back(world, newest)


def of_failing_stocks(studio: "Studio", world: World, newest: datetime) -> None:
    failing = world.tickers()[50::100][:FAILING]
    for number, ticker in enumerate(failing):
        column = "market_cap" if number % 5 == 4 else "price"
        world.execute(f"UPDATE stocks SET {column} = 9e999 WHERE ticker = :ticker", ticker=ticker)
    world.call(f"scores?tickers={','.join(failing)}")
    date_back(world, newest)
    with studio.opened("failures?job=scores") as page:
        page.get_by_role("heading", level=3).get_by_role("link").first.click()
        is_loaded(page)
        take(page, "failing")


def of_a_scheduler_that_is_off(studio: "Studio", world: World, newest: datetime) -> None:
    last = newest - 3 * EVERY
    for change in (
        "DELETE FROM cron_calls WHERE started_at > :later",
        "DELETE FROM cron_samples WHERE taken_at > :later",
        "UPDATE cron_stock_states SET last_refreshed_at = :last",
    ):
        given = {"later": str(last + EVERY / 2), "last": str(last)}
        world.execute(change, **{name: value for name, value in given.items() if f":{name}" in change})
    with studio.opened("") as page:
        take(page, "late")


@dataclass(frozen=True, slots=True)
class Studio:
    """A browser for pictures of the service; `ahead` is by how much times in its answers are moved."""

    browser: Browser
    web: Web
    ahead: timedelta

    @contextmanager
    def opened(
        self, view: str, *, size: ViewportSize = DESK, scheme: str = "light", time_passes: bool = False
    ) -> Iterator[Page]:
        """A page at NOW, as far as it can tell."""
        let_it_count(self.web)
        context = self.browser.new_context(
            viewport=size,
            color_scheme=scheme,  # type: ignore[arg-type]
            locale="en-GB",
            timezone_id="UTC",
            reduced_motion="reduce",
        )
        page = context.new_page()
        if time_passes:
            page.clock.install(time=NOW)
        else:
            page.clock.set_fixed_time(NOW)
        page.route("**/v1/cron/**", lambda route: self._answer(route))
        page.goto(self.web.address(f"/dashboard#/{view}"))
        is_loaded(page)
        expect(verdict(page)).to_be_visible()
        yield page
        context.close()

    def _answer(self, route: Route) -> None:
        """Answer as the service does, with all times moved."""
        with suppress(Error):  # the page may have been closed meanwhile
            reply = route.fetch()
            route.fulfill(response=reply, body=TIME.sub(self._moved, reply.text()))

    def _moved(self, found: "re.Match[str]") -> str:
        day, between, minute, rest, end = found.groups()
        time = datetime.fromisoformat(f"{day}T{minute}{rest}") + self.ahead
        return f"{time.isoformat(between, 'milliseconds' if rest else 'minutes')}{end}"


def take(page: Page, name: str) -> None:
    """A picture of what is seen without scrolling."""
    page.evaluate("document.fonts.ready")
    page.screenshot(path=FOLDER / f"{name}.png", animations="disabled")


if __name__ == "__main__":
    main()
