"""docs/configuration.md, made from the settings' own definitions: `python -m tests.documentation.configuration`."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

from tests.documentation.pages import PROJECT
from vettr_cron.config import PING_VARIABLE, Settings
from vettr_cron.jobs import JOBS
from vettr_cron.schedule_settings import SCHEDULE_VARIABLE

PAGE = PROJECT / "docs" / "configuration.md"
OF_JOBS = {"cron_ping_urls": PING_VARIABLE, "cron_schedules": SCHEDULE_VARIABLE}
REQUIRED = ("cron_secret", "database_url", "redis_url")  # in production

HEAD = """# Configuration

Everything is set by environment variables. For those that are not set, commands and gunicorn read a file `.env` in the
folder in which they are started, or above it; copy `.env.example` to begin with. With `FLASK_SKIP_DOTENV=1` they do not
read it. A variable that is set to nothing counts as not set.

A value that cannot be read is refused at start, by the variable's name and with what it may hold. gunicorn reads
`WEB_CONCURRENCY` itself, before the service does: what is not a number at all ends it with an error of its own, while
commands such as `db upgrade` name the variable.

The contract says exactly what follows from each: [contract/service.md](contract/service.md).

This page is made from the definitions in `vettr_cron/config.py`, `schedule_settings.py` and `web_settings.py` by
`make configuration`, and a test compares them.

| variable | meaning | it may hold | default |
|---|---|---|---|
"""


def page() -> str:
    """The whole page."""
    return HEAD + "".join(f"| {' | '.join(row)} |\n" for row in rows())


def rows() -> Iterator[tuple[str, str, str, str]]:
    """A row for each setting: those without which production does not start come first."""
    fields = Settings.model_fields
    for name in sorted(fields, key=lambda name: (name not in REQUIRED, list(fields).index(name))):
        field = fields[name]
        yield variables(name), field.title or "", (field.description or "").replace("*", r"\*"), default(name)


def variables(name: str) -> str:
    """The variable of a setting; of one that each job has, theirs."""
    if name in OF_JOBS:
        return ", ".join(f"`{OF_JOBS[name]}{job.key.upper()}`" for job in JOBS.values())
    return f"`{name.upper()}`"


def default(name: str) -> str:
    """What holds if the variable is not set."""
    if name in REQUIRED:
        return "must be set in production"
    value: Any = Settings.model_fields[name].default
    if value in (None, {}):
        return ""
    if isinstance(value, timedelta):
        return f"`{value // timedelta(hours=1)}h`"
    return f"`{value}`"


if __name__ == "__main__":
    PAGE.write_text(page())
