"""Whether there are stocks to refresh, and whether their results fit."""

from dataclasses import dataclass

from vettr_cron.domain.diagnosis.check import Check, Finding, judged, problem, warning


@dataclass(frozen=True, slots=True, kw_only=True)
class Tickers:
    """How many stocks there are, and how many have tickers longer than `longest`, the most that red_flag_history holds.

    `longest` is None if any length fits. `not_upper_case` are those that the platform does not find.
    """

    total: int
    too_long: int
    longest: int | None
    not_upper_case: int = 0


def universe(tickers: Tickers, unreadable: str | None) -> Check:
    """Whether there are stocks, and whether their results fit; `unreadable` is why the jobs cannot read them."""
    findings = _universe_findings(tickers)
    if unreadable is not None:
        fix = "Every call fails until the jobs can read their inputs: fix what the database reports."
        findings.append(problem(unreadable, fix))
    return judged("universe", f"{tickers.total} stocks", findings)


def _universe_findings(tickers: Tickers) -> list[Finding]:
    if tickers.total == 0:
        fix = "Run `flask --app wsgi stocks import FOLDER`, or point DATABASE_URL at the platform's database."
        return [problem("There are no stocks", fix)]
    return [*_long_tickers(tickers), *_unseen_tickers(tickers)]


def _unseen_tickers(tickers: Tickers) -> list[Finding]:
    if tickers.not_upper_case == 0:
        return []
    found = (
        f"{tickers.not_upper_case} of {tickers.total} stocks have tickers that are not in upper case: the platform "
        "finds neither them nor their results"
    )
    return [warning(found, "Write these tickers in upper case where the stocks come from.")]


def _long_tickers(tickers: Tickers) -> list[Finding]:
    if tickers.too_long == 0:
        return []
    found = (
        f"{tickers.too_long} of {tickers.total} stocks have tickers longer than the {tickers.longest} characters "
        "that red_flag_history.stock_ticker takes: their red flags will fail"
    )
    return [warning(found, "Ask the platform's owner to make that column varchar(20), as stocks.ticker is.")]
