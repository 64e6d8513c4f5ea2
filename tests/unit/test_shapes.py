"""A reply's shape: made from a value by the names of its fields, and checked as it is made."""

import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import datetime, timedelta, timezone

import pytest
from pydantic import Field, ValidationError

from tests.integration.third_job import FILING_AGES
from tests.jobs import THE_TWO
from vettr_cron.domain.run import CallStatus, JobResult, Pause, StockFailure, StopReason
from vettr_cron.shapes import monitor, refresh
from vettr_cron.shapes.shape import JOB_NAMES, RUN_NAMES, Shape, Time, absent, as_json, with_names

NOON = datetime(2026, 11, 23, 12, 0, 0, 5_900)


@dataclass(frozen=True)
class Value:
    """What a service gives."""

    count: int | None
    noon: datetime = NOON
    warning: str | None = None


class Shown(Shape):
    """What callers see of it."""

    count: int | None
    noon: Time
    warning: str = Field(default_factory=absent)


def test_only_fields_that_are_always_there_may_be_null() -> None:
    assert as_json(Shown.of(Value(None))) == {"count": None, "noon": "2026-11-23T12:00:00.005Z"}
    assert as_json(Shown.of(Value(1, warning="odd")))["warning"] == "odd"
    assert as_json(Shown.of(Value(1), count=2))["count"] == 2


def test_a_value_that_is_not_as_it_must_be_makes_no_reply() -> None:
    with pytest.raises(ValidationError):
        Shown.of(Value("many"))  # type: ignore[arg-type]  # that is the point
    with pytest.raises(ValidationError):
        Shown.of(Value(1), more="than there is")


def test_a_job_result_has_what_there_is_to_say_and_nothing_else() -> None:
    result = JobResult(
        job="refresh-scores",
        failed=2,
        failures=[StockFailure("ACME", "no price")],
        duration_ms=5,
        completed_at=NOON,
        current_offset=3,
        chunk_size=100,
        total_stocks=7,
        status=CallStatus.SKIPPED,
        stop_reason=StopReason.PAUSED,
        pause=Pause(None, NOON),
    )
    shown = as_json(refresh.job_result(result))
    assert shown["chunk_info"] == {"current_offset": 3, "chunk_size": 100, "total_stocks": 7, "is_complete": False}
    assert shown["failures"] == [{"ticker": "ACME", "error": "no price"}]
    assert (shown["failures_truncated"], shown["run_id"]) == (True, None)
    assert shown["paused"] == {"reason": None, "since": "2026-11-23T12:00:00.005Z"}
    assert shown.keys().isdisjoint({"warning", "error", "pause", "retry_after", "unavailable"})


def test_names_of_jobs_are_put_into_schemas_and_texts() -> None:
    node = {
        "enum": [JOB_NAMES],
        "items": {"enum": [RUN_NAMES]},
        "description": f"{JOB_NAMES}, or none",
    }
    assert with_names(node, THE_TWO) == {
        "enum": ["scores", "red-flags"],
        "items": {"enum": ["refresh-scores", "refresh-red-flags"]},
        "description": "scores or red-flags, or none",
    }


def test_a_shape_that_names_jobs_is_made_once_for_each_table() -> None:
    assert monitor.status_shape(THE_TWO) is monitor.status_shape(dict(THE_TWO))
    three = monitor.status_shape({**THE_TWO, FILING_AGES.name: FILING_AGES})
    assert "filing_ages_offset" in three.model_fields
    assert "filing_ages_offset" not in monitor.status_shape(THE_TWO).model_fields


def test_a_time_with_a_zone_is_shown_in_utc() -> None:
    noon_in_india = datetime(2026, 11, 23, 12, tzinfo=timezone(timedelta(hours=5, minutes=30)))
    assert as_json(Shown.of(Value(1, noon=noon_in_india)))["noon"] == "2026-11-23T06:30:00.000Z"


def test_a_shape_of_jobs_is_made_once_whoever_asks_at_the_same_moment() -> None:
    table = {**THE_TWO, "another": replace(THE_TWO["scores"], name="another")}
    barrier = threading.Barrier(8)

    def make(_number: int) -> object:
        barrier.wait()
        return monitor.status_shape(table)

    with ThreadPoolExecutor(8) as executor:
        assert len(set(executor.map(make, range(8)))) == 1
