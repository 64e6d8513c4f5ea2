"""flask --app wsgi cron overview: the newest results at a glance."""

from collections.abc import Sequence

from vettr_cron.cli.cron import cron
from vettr_cron.cli.errors import report_errors
from vettr_cron.cli.output import show_lines
from vettr_cron.cli.text_tables import columns
from vettr_cron.domain.red_flags import SEVERITIES
from vettr_cron.registry import services
from vettr_cron.services.monitor.results import Results, Scored

BAR_WIDTH = 40


@cron.command()
@report_errors
def overview() -> None:
    """Show the distribution of scores, the five best and worst stocks, and the flags by severity."""
    show_lines(_text(services().results.read()))


def _text(newest: Results) -> list[str]:
    parts = ["", "Scores", *_bars(newest)]
    if newest.best:
        parts += ["", "Best", *columns([("ticker", "score", "name"), *_rows(newest.best)])]
        parts += ["", "Worst", *columns([("ticker", "score", "name"), *_rows(newest.worst)])]
    flags = [(severity, newest.flags_by_severity.get(severity, 0)) for severity in SEVERITIES]
    return [*parts, "", "Flags in the last 24 hours", *columns([("severity", "flags"), *flags])]


def _bars(newest: Results) -> list[str]:
    longest = max([*newest.bands, 1])
    lines = []
    for band, count in enumerate(newest.bands):
        last = 100 if band == len(newest.bands) - 1 else band * 10 + 9
        bar = "#" * -(-count * BAR_WIDTH // longest)
        lines.append(f"{band * 10:>3} to {last:<3}  {count:>6}  {bar}".rstrip())
    if newest.unscored:
        lines.append(f"no score    {newest.unscored:>6}")
    return lines


def _rows(stocks: Sequence[Scored]) -> list[tuple[str, int, str]]:
    return [(stock.ticker, stock.vetr_score, stock.name) for stock in stocks]
