"""GET /dashboard: a page for people, made of the service's own files alone."""

import re
from pathlib import Path

import pytest

import vettr_cron
from tests.integration.replies import error_of
from tests.world import World

FOLDER = Path(vettr_cron.__file__).parent / "dashboard"
FILES = sorted(str(path.relative_to(FOLDER)) for path in FOLDER.rglob("*") if path.is_file())
OWN = [name for name in FILES if not name.startswith("vendor/")]


def test_a_browser_is_led_to_the_page(sqlite_world: World) -> None:
    accepted = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}
    start = sqlite_world.client.get("/", headers=accepted)
    assert (start.status_code, start.headers["Location"]) == (302, "/dashboard")
    error_of(sqlite_world.client.get("/"), 404, "NOT_FOUND")


def test_the_page_is_open_and_loads_from_the_service_alone(sqlite_world: World) -> None:
    page = sqlite_world.client.get("/dashboard", buffered=True)
    assert (page.status_code, page.mimetype) == (200, "text/html")
    rules = dict(rule.strip().split(" ", 1) for rule in page.headers["Content-Security-Policy"].split(";"))
    assert rules == {
        "default-src": "'none'",
        "script-src": "'self'",
        "style-src": "'self'",
        "img-src": "'self'",
        "connect-src": "'self'",
        "base-uri": "'none'",
        "form-action": "'none'",
        "frame-ancestors": "'none'",
    }


@pytest.mark.parametrize("name", FILES)
def test_every_file_is_served_with_its_type_and_not_sent_again(sqlite_world: World, name: str) -> None:
    types = {
        ".html": "text/html",
        ".js": "text/javascript",
        ".css": "text/css",
        ".svg": "image/svg+xml",
        ".txt": "text/plain",
        ".md": "text/markdown",
    }
    file = sqlite_world.client.get(f"/dashboard/{name}", buffered=True)
    assert (file.status_code, file.mimetype) == (200, types[Path(name).suffix])
    assert file.headers["Cache-Control"] == "no-cache"
    again = sqlite_world.client.get(
        f"/dashboard/{name}", headers={"If-None-Match": file.headers["ETag"]}, buffered=True
    )
    assert (again.status_code, again.get_data()) == (304, b"")


@pytest.mark.parametrize("name", OWN)
def test_no_file_refers_to_another_host(name: str) -> None:
    text = (FOLDER / name).read_text().replace("http://www.w3.org/2000/svg", "")
    assert not re.search(r"https?:|//[a-z]+\.[a-z]|@import|url\(", text)


def test_every_module_that_is_imported_exists() -> None:
    for name in OWN:
        for wanted in re.findall(r'from "(\.[^"]+)"', (FOLDER / name).read_text()):
            assert (FOLDER / name).parent.joinpath(wanted).is_file(), f"{name}: {wanted}"


@pytest.mark.parametrize("name", ["x.js", "../app.py", "%2e%2e/app.py", "vendor", "", "vendor/", "a%00b"])
def test_nothing_else_is_served(sqlite_world: World, name: str) -> None:
    response = sqlite_world.client.get(f"/dashboard/{name}", buffered=True)
    if name:
        error_of(response, 404, "NOT_FOUND")
    else:
        assert response.mimetype == "text/html"
