"""What a caller gets while a server fails, and what the next one gets once it is back."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from werkzeug.test import TestResponse

from tests.integration.replies import error_of, seconds_until_retry
from tests.world import World


@contextmanager
def within(seconds: float) -> Iterator[None]:
    """The block takes no longer."""
    began = time.monotonic()
    yield
    assert time.monotonic() - began < seconds


def assert_refused(response: TestResponse, message: str) -> None:
    """A 503 that says why, to a person, and when to come back."""
    error = error_of(response, 503, "SERVICE_UNAVAILABLE")
    assert message in error["message"]
    assert seconds_until_retry(response) == 30


def failed_run(response: TestResponse, message: str) -> Any:
    """The details of a 500 over a run that failed for a server's sake."""
    details = error_of(response, 500, "JOB_FAILED")["details"]
    assert (details["status"], details["stop_reason"]) == ("failed", "error")
    assert message in details["error"]
    assert (details["chunks_run"], details["chunk_info"]["is_complete"]) == (1, False)
    return details


def assert_goes_on(world: World, offset: int) -> None:
    """The next call does 10 stocks from there, and every row up to its end is there once."""
    result = world.data("scores?chunk_size=10")
    assert (result["status"], result["chunk_info"]["current_offset"], result["succeeded"]) == ("completed", offset, 10)
    assert world.redis.get("cron:scores:offset") == str(offset + 10)
    assert len(world.table("vetr_score_history")) == offset + 10
    assert not [row for row in world.table("cron_job_runs") if row["status"] == "running"]
