"""The status says of the calls in the log what a person with a calendar says of them."""

from contextlib import closing
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest

from tests.unit.expected_calls import TABLES
from tests.unit.expected_calls.table import BY_HAND, CLEANUP, FAILED, PAUSE, RESUME, SKIPPED, Case, Event, Table
from tests.world import World
from vettr_cron.domain.timestamps import iso_milliseconds
from vettr_cron.repositories import retention
from vettr_cron.services.monitor import status
from vettr_cron.services.operate import pause

MONTH = timedelta(days=30)
Told = tuple[list[str], str | None, bool]  # what is missed, since when it is late, and whether it is


class Life:
    """What happens to the jobs of a service, at the times of a case."""

    def __init__(self, world: World, clock: pytest.MonkeyPatch) -> None:
        self._world = world
        self._clock = clock

    def told(self, case: Case) -> Told:
        """What the status says when all of the case has happened, and nothing else."""
        for log in ("cron_calls", "cron_pauses", "cron_marks"):
            self._world.execute(f"DELETE FROM {log}")
        for event in case.events:
            self._happen(event)
        for began in (case.now - MONTH, case.now):  # another job's calls do not count
            self._call(began, job="red-flags")
        self._clock.setattr(status, "utc_now", lambda: case.now)
        job = self._world.data("status")["jobs"]["scores"]
        return job["schedule"]["missed"], job["schedule"]["late_since"], job["pace"]["late"]

    def _happen(self, event: Event) -> None:
        if event.kind == CLEANUP:
            self._clean_up(event.at)
        elif event.kind in (PAUSE, RESUME):
            self._clock.setattr(pause, "utc_now", lambda: event.at)
            self._world.data(f"{event.kind}?job=scores", method="POST")
        else:
            states = {SKIPPED: "skipped", FAILED: "failed"}
            self._call(event.at, along_cursor=event.kind != BY_HAND, status=states.get(event.kind, "completed"))

    def _call(self, began: datetime, **values: Any) -> None:
        counts = dict.fromkeys(("chunks_run", "stocks_processed", "succeeded", "failed"), 0)
        known = {"job": "scores", "along_cursor": True, "caller": "http", "status": "completed", "is_complete": False}
        times = {"started_at": began, "ended_at": began}
        self._world.add("cron_calls", {"id": uuid4(), **known, **counts, **times, **values})

    def _clean_up(self, before: datetime) -> None:
        with self._world.write() as connection:
            expired = retention.expired_calls(connection, before, before, ["scores"])
            piece = retention.next_piece(connection, expired, None, 100)
            retention.remove(connection, expired, piece.ids)


def of_a_person(case: Case) -> Told:
    missed = [iso_milliseconds(time) for time in case.missed]
    late_since = iso_milliseconds(case.late_since) if case.late_since else None
    return missed, late_since, late_since is not None


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.name)
def test_the_status_says_what_a_person_says(
    migrated_url: str, redis_url: str, monkeypatch: pytest.MonkeyPatch, table: Table
) -> None:
    expression, timezone = table.schedule
    settings = {"cron_schedule": expression, "cron_schedule_tz": timezone}
    with closing(World.make(migrated_url, redis_url, **settings)) as world:
        life = Life(world, monkeypatch)
        assert {case.name: life.told(case) for case in table.cases} == {
            case.name: of_a_person(case) for case in table.cases
        }
