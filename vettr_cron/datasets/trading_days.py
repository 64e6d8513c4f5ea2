"""Weekdays, which stand for trading days: shifted and made-up datasets ignore holidays."""

from datetime import date, timedelta

SATURDAY = 5


def last_trading_day(today: date) -> date:
    """The last weekday before `today`, whose own prices are not final yet."""
    back = {6: 2, 0: 3}.get(today.weekday(), 1)  # from a Sunday or Monday back to the Friday
    return today - timedelta(days=back)


def trading_days(last: date, count: int) -> list[date]:
    """The `count` weekdays up to and including `last`, oldest first."""
    days: list[date] = []
    day = last
    while len(days) < count:
        if day.weekday() < SATURDAY:
            days.append(day)
        day -= timedelta(days=1)
    return days[::-1]


def trading_day_number(day: date) -> int:
    """Consecutive weekdays have consecutive numbers, also from a Friday to the next Monday."""
    weeks, weekday = divmod(day.toordinal() - 1, 7)
    return weeks * 5 + weekday
