"""What the log says of an error that a driver raised."""

from vettr_cron.logs import words_of


def test_errors_that_lead_back_to_each_other_are_told_too() -> None:
    """As those of a library that keeps an error and raises it again."""
    first, second = ValueError("the first"), ValueError("the second")
    first.__context__, second.__cause__ = second, first
    assert words_of(first) == "the first"


def test_what_the_system_said_before_is_told() -> None:
    error, system = TimeoutError("no answer"), ConnectionResetError(104, "Connection reset by peer")
    error.__cause__ = ValueError("between")
    error.__cause__.__context__ = system
    assert words_of(error) == "no answer: [Errno 104] Connection reset by peer"
