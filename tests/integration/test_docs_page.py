"""GET /docs: a page that shows the document, made of the service's own files alone."""

import re

import pytest

from tests.world import World

CHILDREN = {
    "/docs/swagger-ui.css": "text/css",
    "/docs/swagger-ui-bundle.js": "text/javascript",
    "/docs/start.js": "text/javascript",
    "/docs/favicon-32x32.png": "image/png",
    "/openapi.json": "application/json",
}


def test_the_page_refers_to_the_services_own_files_alone(sqlite_world: World) -> None:
    page = sqlite_world.client.get("/docs")
    text = page.get_data(as_text=True)
    assert (page.status_code, page.mimetype) == (200, "text/html")
    assert set(re.findall(r'(?:src|href|data-document|action|url)\s*=\s*"([^"]*)"', text)) == CHILDREN.keys()
    assert "//" not in text
    for path, mimetype in CHILDREN.items():
        child = sqlite_world.client.get(path, buffered=True)
        assert (child.status_code, child.mimetype) == (200, mimetype)


def test_the_pages_files_send_nobody_elsewhere(sqlite_world: World) -> None:
    style = sqlite_world.client.get("/docs/swagger-ui.css", buffered=True).get_data(as_text=True)
    assert not re.findall(r"@import", style)
    targets = re.findall(r"url\([\"']?([^\"')]*)", style)
    assert targets
    assert [target for target in targets if not target.startswith("data:")] == []
    start = sqlite_world.client.get("/docs/start.js", buffered=True).get_data(as_text=True)
    assert "http" not in start
    assert "validatorUrl: null" in start  # otherwise the viewer asks a stranger's server about the document


def test_the_page_may_load_from_the_service_alone(sqlite_world: World) -> None:
    policy = sqlite_world.client.get("/docs").headers["Content-Security-Policy"]
    rules = dict(rule.strip().split(" ", 1) for rule in policy.split(";"))
    assert rules == {
        "default-src": "'none'",
        "script-src": "'self'",
        "style-src": "'self' 'unsafe-inline'",
        "img-src": "'self' data:",
        "connect-src": "'self'",
        "base-uri": "'none'",
        "form-action": "'none'",
        "frame-ancestors": "'none'",
    }


def test_the_pages_files_are_asked_for_again_only_when_they_changed(sqlite_world: World) -> None:
    first = sqlite_world.client.get("/docs/swagger-ui-bundle.js", buffered=True)
    again = sqlite_world.client.get(
        "/docs/swagger-ui-bundle.js", headers={"If-None-Match": first.headers["ETag"]}, buffered=True
    )
    assert (again.status_code, again.get_data()) == (304, b"")


@pytest.mark.parametrize("name", ["", "nothing.js", "swagger-ui.js", "docs.html", "..%2fdocs.py", "%2fetc%2fpasswd"])
def test_no_other_file_is_served(sqlite_world: World, name: str) -> None:
    response = sqlite_world.client.get(f"/docs/{name}")
    assert (response.status_code, response.mimetype) == ((200, "text/html") if not name else (404, "application/json"))


def test_a_service_below_a_prefix_refers_to_itself_there(sqlite_world: World) -> None:
    page = sqlite_world.client.get("/docs", environ_overrides={"SCRIPT_NAME": "/below"})
    assert 'src="/below/docs/start.js"' in page.get_data(as_text=True)
