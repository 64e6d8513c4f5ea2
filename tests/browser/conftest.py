"""Fixtures of tests in a real browser: the browser, a page whose complaints fail the test, and a service for it."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

from tests.browser.browsers import program
from tests.browser.complaints import Complaints
from tests.browser.settings import PATIENCE_SECONDS, WITHOUT_SECRET, empty, lasting
from tests.e2e.web import Web, serving
from tests.tools import missing
from tests.world import World

NO_BROWSER = (
    "No browser: the tests of the page in tests/browser need one. Install Chromium (on Debian, "
    "`apt-get install chromium`) or Google Chrome, so that chromium or google-chrome is in PATH"
)


# Not in a fixture: pytest would report each test on a line of its own.
@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup() -> None:
    """Without a browser, the tests of this package are left out, or fail if REQUIRE_TOOLS is set."""
    if program() is None:
        missing(NO_BROWSER)


# Of the package, and so closed before tests elsewhere: its event loop would be in the way of theirs.
@pytest.fixture(scope="package", autouse=True)
def browser() -> Iterator[Browser]:
    """One browser for all tests of a worker."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program())
        expect.set_options(timeout=PATIENCE_SECONDS * 1000)
        yield browser
        browser.close()


@pytest.fixture
def complaints() -> Complaints:
    """What the browser complains of; a test that causes some says so with `complaints.expect(...)`."""
    return Complaints()


@pytest.fixture
def context(browser: Browser, complaints: Complaints) -> Iterator[BrowserContext]:
    """What a person who comes for the first time has: tabs that share a storage, and nothing in it."""
    context = browser.new_context(
        locale="en-US", timezone_id="America/Toronto", viewport={"width": 1280, "height": 900}, color_scheme="light"
    )
    context.set_default_timeout(PATIENCE_SECONDS * 1000)
    complaints.watch(context)
    yield context
    context.close()  # only then is everything told
    assert complaints.unexpected() == []


@pytest.fixture
def page(context: BrowserContext) -> Page:
    """A tab."""
    return context.new_page()


@pytest.fixture(scope="package")
def lasting_world(migrated_file: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """The servers on which all tests of a worker work, one after the other."""
    with lasting(migrated_file, tmp_path_factory.mktemp("browser")) as world:
        yield world


@pytest.fixture(scope="package")
def lasting_web(lasting_world: World) -> Iterator[Web]:
    with serving(lasting_world, WITHOUT_SECRET) as web:
        yield web


@pytest.fixture(scope="package")
def lasting_production(lasting_world: World) -> Iterator[Web]:
    with serving(lasting_world, {"WEB_CONCURRENCY": "1"}) as web:
        yield web


@pytest.fixture
def world(lasting_world: World) -> World:
    """What the service works on, empty."""
    empty(lasting_world)
    return lasting_world


@pytest.fixture
def web(world: World, lasting_web: Web) -> Web:
    """The service in development, where nobody needs a secret."""
    return lasting_web


@pytest.fixture
def production(world: World, lasting_production: Web) -> Web:
    """The service in production, where everybody needs the secret."""
    return lasting_production
