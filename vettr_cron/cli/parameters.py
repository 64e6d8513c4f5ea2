"""The types of the commands' options, and the options that several commands share."""

import math
from typing import Any

import click
from flask.cli import ScriptInfo

from vettr_cron.config import MAXIMUM_CHUNKS
from vettr_cron.domain.timestamps import parsed
from vettr_cron.registry import services
from vettr_cron.services.refresh.request import MAXIMUM_TICKERS


class ChunksType(click.ParamType[Any]):
    """A number of chunks, or `all`."""

    name = "N|all"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """The number, or the word itself."""
        if str(value).lower() == "all":
            return "all"
        return click.IntRange(1, MAXIMUM_CHUNKS).convert(value, param, ctx)


class TextType(click.ParamType[Any]):
    """Text in UTF-8; any other bytes could be neither stored nor sent."""

    name = "TEXT"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """The text, unchanged."""
        try:
            str(value).encode()
        except UnicodeEncodeError:
            self.fail("the text must be valid UTF-8", param, ctx)
        return value


class MomentType(click.ParamType[Any]):
    """A time in ISO 8601; one without an offset is in UTC."""

    name = "TIME"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """The time, naive UTC."""
        try:
            return parsed(str(value))
        except ValueError:
            self.fail("use a time in ISO 8601, in UTC unless it says otherwise: 2026-11-23T12:00:00Z", param, ctx)


class JobType(click.ParamType[Any]):
    """The name of one of the application's jobs."""

    name = "job"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """The name itself."""
        return self._choice(ctx).convert(value, param, ctx)

    def get_metavar(self, param: click.Parameter, ctx: click.Context) -> str | None:
        """The names, as the help shows them."""
        return self._choice(ctx).get_metavar(param, ctx)

    def _choice(self, ctx: click.Context | None) -> click.Choice[str]:
        # Values are converted before the command has an application context.
        script = (ctx and ctx.find_object(ScriptInfo)) or ScriptInfo()
        with script.load_app().app_context():
            return click.Choice(list(services().jobs))


class TickersType(TextType):
    """Tickers, separated by commas."""

    name = "A,B,C"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """The tickers, without duplicates."""
        value = super().convert(value, param, ctx)
        tickers = tuple(dict.fromkeys(ticker.strip() for ticker in str(value).split(",") if ticker.strip()))
        if not 1 <= len(tickers) <= MAXIMUM_TICKERS:
            self.fail(f"use 1 to {MAXIMUM_TICKERS} tickers, separated by commas", param, ctx)
        return tickers


def finite(_context: click.Context, _parameter: click.Parameter, number: float | None) -> float | None:
    """Refuse infinity and NaN, which click accepts as numbers."""
    if number is not None and not math.isfinite(number):
        raise click.BadParameter("a finite number is needed")
    return number


json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON instead of text.")
quiet_option = click.option(
    "--quiet", is_flag=True, help="Print errors only: nothing if all is well, or if another call is running."
)
time_budget_option = click.option(
    "--time-budget",
    type=click.FloatRange(min=0, min_open=True),
    metavar="SECONDS",
    callback=finite,
    help="Start no new work after this many seconds. [default: CRON_TIME_BUDGET_SECONDS, or no limit]",
)
