"""The secret: asked for, kept in one tab alone, forgotten on request."""

import re

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from tests.browser.complaints import Complaints
from tests.browser.dashboard import served
from tests.e2e.web import Web
from tests.world import SECRET, World

REFUSED = "status of 401"


@pytest.fixture(autouse=True)
def refusals(complaints: Complaints) -> None:
    """The browser itself notes each refusal in its console."""
    complaints.expect(REFUSED)


def sign_in(page: Page, secret: str) -> None:
    page.get_by_label("Secret").fill(secret)
    page.get_by_role("button", name="Sign in").click()


def expect_the_overview(page: Page) -> None:
    expect(page.get_by_role("navigation", name="Pages")).to_be_visible()
    expect(page.get_by_role("heading", level=1)).to_have_text(re.compile("No stocks yet"))


def expect_the_question(page: Page) -> None:
    expect(page.get_by_label("Secret")).to_be_focused()
    expect(page.get_by_role("navigation", name="Pages")).to_be_hidden()


def test_the_page_asks_for_the_secret_and_tells_a_wrong_one_in_place(page: Page, production: Web) -> None:
    page.goto(production.address("/dashboard"))
    expect_the_question(page)
    expect(page.get_by_role("alert")).to_be_hidden()

    sign_in(page, "a wrong guess")
    expect(page.get_by_role("alert")).to_contain_text("This secret is wrong")
    expect_the_question(page)

    sign_in(page, SECRET)
    expect_the_overview(page)
    assert SECRET not in page.content()
    assert SECRET not in page.url


def test_the_secret_is_kept_over_a_reload_and_in_this_tab_alone(
    page: Page, context: BrowserContext, production: Web
) -> None:
    page.goto(production.address("/dashboard"))
    sign_in(page, SECRET)
    expect_the_overview(page)
    page.reload()
    expect_the_overview(page)
    assert SECRET in page.evaluate("Object.values(sessionStorage)")
    assert page.evaluate("[...Object.values(localStorage), document.cookie]") == ["", ""]

    other = context.new_page()
    other.goto(production.address("/dashboard"))
    expect_the_question(other)


def test_who_signs_out_must_sign_in_again(page: Page, production: Web) -> None:
    page.goto(production.address("/dashboard"))
    sign_in(page, SECRET)
    expect_the_overview(page)
    page.get_by_role("button", name="Sign out").click()
    expect_the_question(page)
    expect(page.get_by_role("alert")).to_be_hidden()
    assert page.evaluate("sessionStorage.length") == 0
    page.reload()
    expect_the_question(page)


def test_a_secret_in_any_characters_opens(page: Page, world: World) -> None:
    secret = "пароль-传统-🔑-geheim"
    with served(page, world, {"CRON_SECRET": secret}) as web:
        page.goto(web.address("/dashboard"))
        sign_in(page, secret)
        expect_the_overview(page)


def test_a_view_that_was_asked_for_is_shown_after_sign_in(page: Page, production: Web) -> None:
    page.goto(production.address("/dashboard#/failures"))
    sign_in(page, SECRET)
    expect(page.get_by_role("link", name="Failures")).to_have_attribute("aria-current", "page")


def test_without_a_secret_in_development_the_page_opens_at_once(page: Page, web: Web) -> None:
    page.goto(web.address("/"))
    expect(page).to_have_url(web.address("/dashboard"))
    expect_the_overview(page)
    expect(page.get_by_role("button", name="Sign out")).to_be_hidden()
