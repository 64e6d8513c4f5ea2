"""Which browser there is on this machine."""

import shutil


def program() -> str | None:
    """Chromium or Chrome, as the system has installed it."""
    return next(filter(None, map(shutil.which, ("chromium", "google-chrome", "chromium-browser"))), None)
