"""How often calls come, how far they get, and when the cycle will be done at this pace."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from statistics import median

from vettr_cron.domain.calls import MINIMUM_CALLS, PastCall, due, usual_gap


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """How calls have come lately; None where there were too few of them to say.

    `every` is the usual time from one call's start to the next; `calls_left` is for the cycle under way, or for a
    whole one when none is, and 0 when more stocks are done than there are now; `done_at` is when that will be done at
    this pace.
    """

    last_call: datetime | None = None
    every: timedelta | None = None
    stocks_per_call: int | None = None
    stocks_per_second: float | None = None
    calls_left: int | None = None
    done_at: datetime | None = None
    late: bool = False

    @property
    def every_seconds(self) -> int | None:
        """`every` in whole seconds."""
        return None if self.every is None else round(self.every.total_seconds())


def pace(calls: Sequence[PastCall], offset: int, total: int, now: datetime, *, call_expected: bool = True) -> Pace:
    """How calls have come lately, and what that means for a cycle that stands at an offset of so many stocks.

    No call is late unless one is `call_expected`: none is while another runs, or the job is paused.
    """
    if not calls:
        return Pace()
    last = calls[-1]
    seconds = (last.ended - last.began).total_seconds()
    rate = last.stocks / seconds if seconds > 0 else None
    late = call_expected and now > due(calls)
    if len(calls) < MINIMUM_CALLS:
        return Pace(last_call=last.began, stocks_per_second=rate, late=late)
    every = usual_gap(calls)
    # The last call of a cycle takes the stocks that are left, which says nothing about the others.
    stocks = int(median(call.stocks for call in calls))
    # Where more stocks are done than there are now, the next call ends the cycle all the same.
    left = max(math.ceil((total - offset) / stocks), 0) if stocks else None
    return Pace(
        last_call=last.began,
        every=every,
        stocks_per_call=stocks,
        stocks_per_second=rate,
        calls_left=left,
        done_at=None if left is None else max(last.began + max(left, 1) * every, now),
        late=late,
    )
