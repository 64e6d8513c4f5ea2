"""What a person with a calendar says of calls: which are missed, and since when the job is late."""

from collections.abc import Sequence
from dataclasses import dataclass

LONG_AGO = "2020-01-01 00:00"

EVERY_6_HOURS = ("0 */6 * * *", "UTC")
BURST = ("0-20/5 6 * * *", "UTC")
MONDAYS_AND_THURSDAYS = ("0 6 * * 1,4", "UTC")
WEEKDAYS = ("30 7 * * 1-5", "UTC")
LAST_DAY = ("0 22 L * *", "UTC")
LEAP_DAY = ("0 6 29 2 *", "UTC")
SIX_IN_NEW_YORK = ("0 6 * * *", "America/New_York")
HALF_PAST_TWO_IN_BERLIN = ("30 2 * * *", "Europe/Berlin")
EVERY_6_HOURS_IN_BERLIN = ("0 */6 * * *", "Europe/Berlin")


@dataclass(frozen=True)
class Case:
    """Calls, seen now; and what is missed, and since when the job is late. All times are UTC."""

    name: str
    schedule: tuple[str, str]
    calls: Sequence[str]
    now: str
    missed: Sequence[str] = ()
    late_since: str | None = None
    since: str | None = LONG_AGO


# 23 November 2026 is a Monday.
YESTERDAY = ["2026-11-22 12:00:04", "2026-11-22 18:00:03"]
MIDNIGHT, SIX = "2026-11-23 00:00", "2026-11-23 06:00"
REGULAR = [
    Case("all came", EVERY_6_HOURS, [*YESTERDAY, "2026-11-23 00:00:02", "2026-11-23 06:00:59"], "2026-11-23 11:00"),
    Case("the grace is not over", EVERY_6_HOURS, [*YESTERDAY, MIDNIGHT], "2026-11-23 06:15"),
    Case("the grace is over", EVERY_6_HOURS, [*YESTERDAY, MIDNIGHT], "2026-11-23 06:15:01", [SIX], SIX),
    Case("early", EVERY_6_HOURS, [*YESTERDAY, "2026-11-22 23:45", "2026-11-23 05:50"], "2026-11-23 11:00"),
    Case(
        "too early",
        *(EVERY_6_HOURS, [*YESTERDAY, MIDNIGHT, "2026-11-23 05:44:59"], "2026-11-23 06:16"),
        *([SIX], SIX),
    ),
    Case("late, not yet there", EVERY_6_HOURS, [*YESTERDAY, MIDNIGHT], "2026-11-23 07:59", [SIX], SIX),
    Case("late, then there", EVERY_6_HOURS, [*YESTERDAY, MIDNIGHT, "2026-11-23 08:00"], "2026-11-23 08:01"),
    Case("in another order", EVERY_6_HOURS, ["2026-11-23 06:00", MIDNIGHT, *YESTERDAY], "2026-11-23 11:00"),
    Case(
        "doubled, which does not make up for a missing one",
        *(EVERY_6_HOURS, [*YESTERDAY, "2026-11-23 06:00:01", "2026-11-23 06:00:09"], "2026-11-23 11:00"),
        missed=[MIDNIGHT],
    ),
    Case(
        "early for what is still to come, which does not make up for a missing one",
        *(EVERY_6_HOURS, [*YESTERDAY, MIDNIGHT, "2026-11-23 11:50"], "2026-11-23 11:55"),
        missed=[SIX],
    ),
    Case(
        "only by hand, so not among the calls",
        EVERY_6_HOURS,
        ["2026-11-22 06:00", *YESTERDAY],
        "2026-11-23 01:00",
        [MIDNIGHT],
        MIDNIGHT,
    ),
    Case(
        "none for days",
        *(EVERY_6_HOURS, ["2026-11-20 17:50"], "2026-11-23 06:10"),
        missed=["2026-11-22 12:00", "2026-11-22 18:00", MIDNIGHT],
        late_since="2026-11-21 00:00",
    ),
    Case(
        "a clock is a minute ahead",
        *(EVERY_6_HOURS, [*YESTERDAY, MIDNIGHT, "2026-11-23 06:17"], "2026-11-23 06:16"),
    ),
    Case(
        "a clock is further ahead",
        *(EVERY_6_HOURS, [*YESTERDAY, MIDNIGHT, "2026-11-23 06:17:01"], "2026-11-23 06:16"),
        *([SIX], SIX),
    ),
]
FIVE = [
    "2026-11-23 06:00:20",
    "2026-11-23 06:05:20",
    "2026-11-23 06:10:20",
    "2026-11-23 06:15:20",
    "2026-11-23 06:20:20",
]
BEFORE = ["2026-11-22 06:00", "2026-11-22 06:05", "2026-11-22 06:10", "2026-11-22 06:15", "2026-11-22 06:20"]
BURSTS = [
    Case("all five", BURST, FIVE, "2026-11-23 12:00"),
    Case(
        "all five a minute early",
        BURST,
        [f"2026-11-23 {t}" for t in ("05:59", "06:04", "06:09", "06:14", "06:19")],
        "2026-11-23 12:00",
    ),
    Case("one of five is missing", BURST, [*FIVE[:2], *FIVE[3:]], "2026-11-23 12:00", ["2026-11-23 06:10"]),
    Case(
        "the last two are missing",
        *(BURST, FIVE[:3], "2026-11-23 12:00"),
        *(["2026-11-23 06:15", "2026-11-23 06:20"], "2026-11-23 06:15"),
    ),
    Case("none so far", BURST, BEFORE, "2026-11-23 06:14"),
    Case("the grace of the first is over", BURST, BEFORE, "2026-11-23 06:16", [SIX], SIX),
    Case("one call for all", BURST, [*BEFORE, "2026-11-23 06:20"], "2026-11-23 06:21", [SIX, "2026-11-23 06:05"]),
]
MONDAY, THURSDAY = "2026-11-23 06:00", "2026-11-19 06:00"
RARE = [
    Case("Monday came", MONDAYS_AND_THURSDAYS, [THURSDAY, "2026-11-23 06:00:09"], "2026-11-25 12:00"),
    Case("Monday is missing", MONDAYS_AND_THURSDAYS, [THURSDAY], "2026-11-25 12:00", [MONDAY], MONDAY),
    Case(
        "both are missing",
        *(MONDAYS_AND_THURSDAYS, ["2026-11-16 06:00"], "2026-11-25 12:00"),
        *([MONDAY], THURSDAY),
    ),
    Case("Monday came two days late", MONDAYS_AND_THURSDAYS, [THURSDAY, "2026-11-25 11:00"], "2026-11-25 12:00"),
    Case("a weekend", WEEKDAYS, ["2026-11-20 07:30"], "2026-11-22 23:00"),
    Case(
        "the Monday after it",
        *(WEEKDAYS, ["2026-11-20 07:30"], "2026-11-23 07:46"),
        *(["2026-11-23 07:30"], "2026-11-23 07:30"),
    ),
    Case("28 February came", LAST_DAY, ["2026-01-31 22:00", "2026-02-28 22:01"], "2026-03-05 12:00"),
    Case("28 February is to come", LAST_DAY, ["2026-01-31 22:00"], "2026-02-28 21:00"),
    Case(
        "28 February is missing",
        *(LAST_DAY, ["2026-01-31 22:00"], "2026-03-05 12:00"),
        *(["2026-02-28 22:00"], "2026-02-28 22:00"),
    ),
    Case("29 February was two years ago", LEAP_DAY, ["2024-02-29 06:00"], "2026-11-23 12:00"),
    Case(
        "29 February is missing",
        *(LEAP_DAY, ["2024-02-29 06:00"], "2028-03-01 12:00"),
        *(["2028-02-29 06:00"], "2028-02-29 06:00"),
    ),
]
CHANGES_OF_THE_CLOCK = [
    Case("6:00 in summer", SIX_IN_NEW_YORK, ["2026-03-07 11:00", "2026-03-08 10:00"], "2026-03-08 12:00"),
    Case(
        "6:00 in summer, and the scheduler does not know",
        *(SIX_IN_NEW_YORK, ["2026-03-07 11:00"], "2026-03-08 10:30"),
        *(["2026-03-08 10:00"], "2026-03-08 10:00"),
    ),
    Case("6:00 in winter is to come", SIX_IN_NEW_YORK, ["2026-10-31 10:00"], "2026-11-01 10:30"),
    Case("6:00 in winter", SIX_IN_NEW_YORK, ["2026-10-31 10:00", "2026-11-01 11:00"], "2026-11-01 12:00"),
    Case(
        "6:00 in winter is missing",
        *(SIX_IN_NEW_YORK, ["2026-10-31 10:00"], "2026-11-01 11:20"),
        *(["2026-11-01 11:00"], "2026-11-01 11:00"),
    ),
    # There is no 2:30 on this day: cron runs at 3:00, which is 1:00 UTC.
    Case("no 2:30 in spring", HALF_PAST_TWO_IN_BERLIN, ["2026-03-28 01:30", "2026-03-29 01:00"], "2026-03-29 12:00"),
    Case(
        "no 2:30 in spring, and no call",
        *(HALF_PAST_TWO_IN_BERLIN, ["2026-03-28 01:30"], "2026-03-29 01:16"),
        *(["2026-03-29 01:00"], "2026-03-29 01:00"),
    ),
    # There are two: cron runs at the first.
    Case("2:30 twice", HALF_PAST_TWO_IN_BERLIN, ["2026-10-24 00:30", "2026-10-25 00:30"], "2026-10-25 12:00"),
    Case(
        "2:30 twice, and no call",
        *(HALF_PAST_TWO_IN_BERLIN, ["2026-10-24 00:30"], "2026-10-25 01:40"),
        *(["2026-10-25 00:30"], "2026-10-25 00:30"),
    ),
    Case(
        "every 6 hours in spring",
        *(EVERY_6_HOURS_IN_BERLIN, ["2026-03-28 17:00", "2026-03-28 23:00", "2026-03-29 10:00"], "2026-03-29 12:00"),
        missed=["2026-03-29 04:00"],
    ),
    Case(
        "every 6 hours in autumn",
        *(EVERY_6_HOURS_IN_BERLIN, ["2026-10-24 16:00", "2026-10-24 22:00", "2026-10-25 11:00"], "2026-10-25 12:00"),
        missed=["2026-10-25 05:00"],
    ),
]
BEGINNINGS = [
    Case("never called", EVERY_6_HOURS, [], "2026-11-23 12:00", since=None),
    Case("just called first", EVERY_6_HOURS, ["2026-11-23 05:00"], "2026-11-23 05:01", since="2026-11-23 05:00"),
    Case(
        "called once, by a person who set it up",
        *(EVERY_6_HOURS, ["2026-11-23 05:00"], "2026-11-23 06:16", [SIX], SIX),
        since="2026-11-23 05:00",
    ),
    Case(
        "older calls are removed",
        *(EVERY_6_HOURS, ["2026-11-23 06:00:03"], "2026-11-23 11:00"),
        since="2026-11-23 06:00:03",
    ),
    Case("all calls are removed", EVERY_6_HOURS, [], "2026-11-23 06:16", [SIX], SIX, since="2026-11-23 00:00:03"),
    Case(
        "resumed after expected times",
        *(EVERY_6_HOURS, ["2026-11-22 12:00"], "2026-11-23 12:15"),
        since="2026-11-23 09:00",
    ),
    Case(
        "resumed, and no call since",
        *(EVERY_6_HOURS, ["2026-11-22 12:00"], "2026-11-23 12:16", ["2026-11-23 12:00"], "2026-11-23 12:00"),
        since="2026-11-23 09:00",
    ),
    Case(
        "twice a week, resumed after Monday",
        *(MONDAYS_AND_THURSDAYS, [THURSDAY], "2026-11-25 12:00"),
        since="2026-11-24 09:00",
    ),
    Case(
        "a burst whose first call was the first ever, and whose second is missing",
        *(BURST, [FIVE[0], *FIVE[2:]], "2026-11-23 12:00", ["2026-11-23 06:05"]),
        since=FIVE[0],
    ),
    Case("a burst, first called in its middle", BURST, FIVE[2:], "2026-11-23 12:00", since=FIVE[2]),
]
CASES = [*REGULAR, *BURSTS, *RARE, *CHANGES_OF_THE_CLOCK, *BEGINNINGS]
