"""How long a cycle takes by the schedule, if a call does as much as calls did lately."""

import math
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise

from vettr_cron.domain.attendance import DAY, Timetable

WEEK = timedelta(days=7)
LEEWAY = timedelta(minutes=5)  # no scheduler is on the minute
MOST_CALLS = 200  # that are looked at, as a day of them takes long to find; a longer cycle takes as much longer
RARE = 30  # calls a day at most; where there are more, no rest of theirs is looked for, as it takes long to find


@dataclass(frozen=True, slots=True, kw_only=True)
class ScheduledCycle:
    """A cycle of so many calls; `time` is how long it takes at most, from its first call to that of the next one.

    `most_in_time` is how many calls come one after the other before the cursor expires between two of them.
    """

    calls: int
    time: timedelta
    most_in_time: int
    never_ends: bool  # the cursor always expires before the cycle is done


def scheduled_cycle(
    timetable: Timetable, stocks: int, stocks_per_call: int, now: datetime, cursor_ttl: timedelta
) -> ScheduledCycle | None:
    """The cycle over so many stocks, by the calls to come; None if there are no stocks, or calls end with time."""
    calls = math.ceil(stocks / stocks_per_call)
    looked_at = min(calls, MOST_CALLS)
    # A schedule that rests at nights and weekends shows that in a week.
    is_rare = len(timetable.between(now, now + DAY)) <= RARE
    end = timetable.nth_after(now + WEEK if is_rare else now, 2 * looked_at + 1)
    if not calls or end is None:
        return None
    times = timetable.between(now, end)
    most = in_time = 1
    for earlier, later in pairwise(times):
        in_time = in_time + 1 if later - earlier + LEEWAY <= cursor_ttl else 1
        most = max(most, in_time)
    longest = max(later - earlier for earlier, later in zip(times, times[looked_at:], strict=False))
    never_ends = most < min(calls, len(times))
    return ScheduledCycle(calls=calls, time=longest * (calls / looked_at), most_in_time=most, never_ends=never_ends)
