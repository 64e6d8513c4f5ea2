"""The newest row of each series of a table, which a cleanup never removes."""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from datetime import datetime
from functools import partial
from typing import Any
from uuid import UUID

from sqlalchemy import Connection

from vettr_cron.repositories import retention
from vettr_cron.repositories.retention import Expired, Passed, Place, Series
from vettr_cron.services.retry import retry_transient

ROWS_AT_ONCE = 5_000
STOCKS_AT_ONCE = 50  # whose rows are all read in one statement


class NewestRows:
    """Learns which row is the newest of a series, for as many series as it is shown rows of."""

    def __init__(
        self,
        reading: Callable[[], AbstractContextManager[Connection]],
        expired: Expired,
        may_start: Callable[[], bool],
        *,
        rows_at_once: int = ROWS_AT_ONCE,
        stocks_at_once: int = STOCKS_AT_ONCE,
    ) -> None:
        self._reading = reading
        self._expired = expired
        self._may_start = may_start
        self._rows_at_once = rows_at_once
        self._stocks_at_once = stocks_at_once
        self._newest: dict[Series, tuple[int, Any, str]] = {}
        self._has_read_backwards = False

    def learn(self, rows: Sequence[Passed]) -> bool:
        """Get to know the series of these rows. False when there was no time for it."""
        if not self._unknown(rows):
            return True
        if not self._has_read_backwards and not self._read_backwards():
            return False
        firsts = self._unknown(rows)
        while firsts and self._may_start():
            self._note(retry_transient(partial(self._newest_of, firsts[: self._stocks_at_once]), self._may_start))
            firsts = firsts[self._stocks_at_once :]
        return not firsts

    def is_superseded(self, row: Passed) -> bool:
        """Whether the row's series has a newer one."""
        newest = self._newest.get(self._judge_of(row))
        return newest is not None and _order(row.place) < newest

    def _unknown(self, rows: Sequence[Passed]) -> list[str]:
        return sorted({row.values[0] for row in rows if self._judge_of(row) not in self._newest})

    def _judge_of(self, row: Passed) -> Series:
        return self._expired.series_of(row.values)[-1]

    def _read_backwards(self) -> bool:
        """Read the table from its newest row back until no new series turn up. False when there was no time for it."""
        place: Place | None = None
        while self._may_start():
            rows = retry_transient(partial(self._rows_before, place), self._may_start)
            known = len(self._newest)
            self._note(rows)
            if len(rows) < self._rows_at_once or len(self._newest) == known:
                self._has_read_backwards = True
                return True
            place = rows[-1].place
        return False

    def _rows_before(self, place: Place | None) -> list[Passed]:
        with self._reading() as connection:
            return retention.newest(connection, self._expired, place, self._rows_at_once)

    def _newest_of(self, firsts: Sequence[str]) -> list[Passed]:
        with self._reading() as connection:
            return retention.newest_of(connection, self._expired, firsts)

    def _note(self, rows: Sequence[Passed]) -> None:
        for row in rows:
            order = _order(row.place)
            for series in self._expired.series_of(row.values):
                self._newest[series] = max(self._newest.get(series, order), order)


def _order(place: Place) -> tuple[int, Any, str]:
    """What compares as places do in the database; times that Python has no datetime for come as text."""
    row_id = place.id.hex if isinstance(place.id, UUID) else str(place.id)
    if isinstance(place.at, datetime):
        return 0, place.at, row_id
    return -1 if place.at.startswith("-") or place.at.endswith("BC") else 1, place.at, row_id
