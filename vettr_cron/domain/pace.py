"""How much a call does, and when the cycle will be done by the schedule."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from statistics import median

from vettr_cron.domain.attendance import Timetable
from vettr_cron.domain.logged_call import LoggedCall


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


def pace(calls: Sequence[LoggedCall], offset: int, total: int, now: datetime, timetable: Timetable | None) -> Pace:
    """What these calls, newest first, mean for a cycle that stands at an offset of so many stocks."""
    ended = [(call, call.ended_at - call.started_at) for call in calls if call.ended_at is not None]
    if not ended:
        return Pace()
    newest, time = ended[0]
    rate = newest.stocks_processed / time.total_seconds() if time.total_seconds() > 0 else None
    # The last call of a cycle takes the stocks that are left, which says nothing about the others.
    stocks = int(median(call.stocks_processed for call, _time in ended))
    if not stocks:
        return Pace(stocks_per_call=stocks, stocks_per_second=rate)
    # Where more stocks are done than there are now, the next call ends the cycle all the same.
    left = max(math.ceil((total - offset) / stocks), 0)
    done_at = timetable.nth_after(now, max(left, 1)) if timetable else None
    return Pace(stocks_per_call=stocks, stocks_per_second=rate, calls_left=left, done_at=done_at)
