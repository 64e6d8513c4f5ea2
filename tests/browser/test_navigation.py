"""The way from view to view, and what is kept on it."""

import re

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.complaints import Complaints
from tests.browser.dashboard import is_loaded, visit
from tests.e2e.web import Web

LINKS = ["Overview", "Trends", "Failures", "Stocks", "Calls", "Runs"]


def pages(page: Page) -> list[str]:
    return page.get_by_role("navigation", name="Pages").get_by_role("link").all_text_contents()


def expect_to_be_at(page: Page, name: str) -> None:
    current = page.get_by_role("navigation", name="Pages").locator("[aria-current=page]")
    expect(current).to_have_text([name])


def test_each_view_has_an_address_and_back_and_forward_lead_through_them(page: Page, web: Web) -> None:
    visit(page, web)
    assert pages(page) == LINKS
    for name in LINKS[1:]:
        page.get_by_role("link", name=name, exact=True).first.click()
        expect_to_be_at(page, name)
        expect(page).to_have_url(web.address(f"/dashboard#/{name.lower()}"))
    for name in reversed(LINKS[:-1]):
        page.go_back()
        expect_to_be_at(page, name)
    page.go_forward()
    expect_to_be_at(page, "Trends")
    page.reload()
    expect_to_be_at(page, "Trends")


def test_the_time_shown_is_in_the_address(page: Page, web: Web) -> None:
    visit(page, web)
    shown = page.get_by_role("navigation", name="Time shown")
    shown.get_by_role("link", name="Week").click()
    expect(page).to_have_url(re.compile("days=7"))
    expect(shown.locator("[aria-current=true]")).to_have_text("Week")
    page.go_back()
    expect(shown.locator("[aria-current=true]")).to_have_text("Day")


@pytest.mark.parametrize("address", ["nowhere", "%E0%A4%A", "runs/%00", "stocks/..%2F..%2Fetc"])
def test_an_address_that_leads_nowhere_says_so(page: Page, web: Web, address: str, complaints: Complaints) -> None:
    complaints.expect("status of 4")
    page.goto(web.address(f"/dashboard#/{address}"))
    is_loaded(page)
    expect(page.get_by_role("main")).not_to_be_empty()
    page.get_by_role("link", name="Overview").first.click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("No stocks yet")


def test_the_keyboard_skips_to_the_content(page: Page, web: Web) -> None:
    visit(page, web)
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the content")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.get_by_role("main")).to_be_focused()


def test_the_theme_is_kept_over_a_reload(page: Page, web: Web) -> None:
    visit(page, web)
    whole = page.locator("html")
    expect(whole).to_have_css("color-scheme", "light dark")
    page.get_by_role("button", name="Theme: system").click()
    expect(whole).to_have_css("color-scheme", "light")
    page.get_by_role("button", name="Theme: light").click()
    expect(whole).to_have_css("color-scheme", "dark")
    dark = page.locator("body").evaluate("(body) => getComputedStyle(body).backgroundColor")
    page.reload()
    expect(page.get_by_role("button", name="Theme: dark")).to_be_visible()
    expect(whole).to_have_css("color-scheme", "dark")
    expect(page.locator("body")).to_have_css("background-color", dark)
    page.get_by_role("button", name="Theme: dark").click()
    expect(whole).to_have_css("color-scheme", "light dark")
    expect(page.locator("body")).not_to_have_css("background-color", dark)


def test_by_default_the_theme_is_the_systems(browser: Browser, page: Page, web: Web) -> None:
    grounds = []
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        visit(page, web)
        grounds.append(page.locator("body").evaluate("(body) => getComputedStyle(body).backgroundColor"))
    assert grounds[0] != grounds[1]


def test_no_javascript_says_where_else_it_is_told(browser: Browser, web: Web) -> None:
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(web.address("/dashboard"))
    told = page.locator("noscript").text_content() or ""  # Playwright's own expectations leave this element out
    assert "This page needs JavaScript" in told
    assert "/v1/cron/status" in told
    context.close()
