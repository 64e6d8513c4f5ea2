"""What a browser complains of while a test uses it, which no test expects unless it says so."""

import re
from urllib.parse import urlsplit

from playwright.sync_api import BrowserContext, ConsoleMessage, Dialog, Request

# Before any script of a page; the browser's own message does not always say what was refused.
_REPORT_VIOLATIONS = """
document.addEventListener("securitypolicyviolation", (event) =>
  console.error(`Refused by the page's policy: ${event.violatedDirective}, ${event.blockedURI}`));
"""


class Complaints:
    """Errors and warnings in the console, exceptions, violations of the page's policy, dialogs, requests elsewhere."""

    def __init__(self) -> None:
        self._found: list[str] = []
        self._expected: list[str] = []

    def watch(self, context: BrowserContext) -> None:
        """Collect what comes from any page of this context."""
        context.add_init_script(_REPORT_VIOLATIONS)
        context.on("console", self._said)
        context.on("weberror", lambda error: self._found.append(f"exception: {error.error}"))
        context.on("dialog", self._asked)
        context.on("request", self._requested)

    def expect(self, *patterns: str) -> None:
        """The test causes complaints that match one of these regular expressions."""
        self._expected += patterns

    def unexpected(self) -> list[str]:
        """What no test has expected, in order."""
        return [text for text in self._found if not any(re.search(pattern, text) for pattern in self._expected)]

    def _said(self, message: ConsoleMessage) -> None:
        if message.type in {"error", "warning", "assert"}:
            self._found.append(f"{message.type}: {message.text} ({message.location['url']})")

    def _asked(self, dialog: Dialog) -> None:
        self._found.append(f"dialog: {dialog.message}")
        dialog.dismiss()

    def _requested(self, request: Request) -> None:
        address = urlsplit(request.url)
        if address.scheme not in {"http", "blob"} or address.hostname not in {"127.0.0.1", None}:
            self._found.append(f"request: {request.url}")
