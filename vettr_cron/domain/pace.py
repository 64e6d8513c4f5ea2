"""How much a call does, and when the cycle will be done by the schedule."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from statistics import median

from vettr_cron.domain.attendance import Timetable
from vettr_cron.domain.logged_call import LoggedCall

IDLE_CALLS = 3  # so many calls in a row that process no stock are not an accident


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """What calls along the cursor did lately; None where no call shows it, or no schedule says it.

    `calls_left` is for the cycle under way, or for a whole one when none is, and 0 when more stocks are done than there
    are now; `done_at` is when the last of them is expected.
    """

    stocks_per_call: int | None = None
    stocks_per_second: float | None = None
    calls_left: int | None = None
    done_at: datetime | None = None


def pace(calls: Sequence[LoggedCall], offset: int, total: int, after: datetime, timetable: Timetable | None) -> Pace:
    """What these calls, newest first, mean for a cycle that stands at an offset of so many stocks.

    `after` is the time after which the next call is expected.
    """
    ended = [(call, call.ended_at - call.started_at) for call in calls if call.ended_at is not None]
    if not ended:
        return Pace()
    newest, time = ended[0]
    rate = newest.stocks_processed / time.total_seconds() if time.total_seconds() > 0 else None
    if not any(call.stocks_processed for call, _time in ended[:IDLE_CALLS]):
        return Pace(stocks_per_call=0, stocks_per_second=rate)
    # The last call of a cycle takes the stocks that are left, which says nothing about the others; nor does an outage.
    sizes = [(call.stocks_processed, call.is_complete) for call, _time in ended if call.stocks_processed]
    stocks = int(median([size for size, ends in sizes if not ends] or [size for size, _ends in sizes]))
    # Where more stocks are done than there are now, the next call ends the cycle all the same.
    left = max(math.ceil((total - offset) / stocks), 0)
    done_at = timetable.nth_after(after, max(left, 1)) if timetable else None
    return Pace(stocks_per_call=stocks, stocks_per_second=rate, calls_left=left, done_at=done_at)
