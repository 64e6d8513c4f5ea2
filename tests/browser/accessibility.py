"""What axe-core finds in a page: https://github.com/dequelabs/axe-core."""

from pathlib import Path

from playwright.sync_api import Page

_AXE = (Path(__file__).parent / "vendor" / "axe-core-4.14.1.js").read_text()


def faults(page: Page) -> list[str]:
    """Each fault with the elements that have it."""
    page.evaluate(_AXE)  # the page's policy refuses scripts of others, but not what the browser itself is told to run
    found = page.evaluate("axe.run(document, { resultTypes: ['violations'] })")
    return [
        f"{fault['id']}: {fault['help']}: {node['html'][:200]}: {node['failureSummary']}"
        for fault in found["violations"]
        for node in fault["nodes"]
    ]
