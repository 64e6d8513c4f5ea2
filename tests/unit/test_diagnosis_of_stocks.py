"""What the doctor says of the universe: where a limit lies, and what counts as what."""

from vettr_cron.domain.diagnosis.check import State
from vettr_cron.domain.diagnosis.stocks import Tickers, universe


def test_a_universe_that_fits_its_columns() -> None:
    assert universe(Tickers(total=7, too_long=0, longest=10), None).state is State.OK
    assert universe(Tickers(total=0, too_long=0, longest=10), None).state is State.PROBLEM


def test_tickers_that_the_platform_does_not_find_are_counted() -> None:
    found = universe(Tickers(total=7, too_long=0, longest=10, not_upper_case=2), None)
    assert found.state is State.WARNING
    assert found.found.startswith("2 of 7 stocks have tickers that are not in upper case")
    both = universe(Tickers(total=7, too_long=1, longest=10, not_upper_case=2), None)
    assert "longer than the 10 characters" in both.found
    assert "not in upper case" in both.found


def test_a_universe_that_the_jobs_cannot_read_says_why() -> None:
    found = universe(Tickers(total=7, too_long=0, longest=10), "The view is broken")
    assert (found.state, found.found) == (State.PROBLEM, "The view is broken")
