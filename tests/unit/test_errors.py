"""An error that always says the same says it once, as its docstring."""

import subprocess
import sys
from datetime import datetime
from pathlib import Path

import pytest

from vettr_cron.domain.errors import CronError, DatabaseUnavailable, JobPaused, RedisUnavailable, RunSuperseded
from vettr_cron.domain.run import Pause

PROJECT = Path(__file__).parents[2]


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (RunSuperseded(), "the lease was lost; another caller goes on"),
        (RedisUnavailable(), "Redis does not answer"),
        (DatabaseUnavailable(transient=True), "The database does not answer"),
        (JobPaused(Pause(None, datetime(2026, 11, 23))), "the job is paused"),
    ],
)
def test_an_error_without_a_message_says_the_first_line_of_its_docstring(error: CronError, text: str) -> None:
    assert str(error) == text


def test_an_error_with_a_message_says_that() -> None:
    assert str(DatabaseUnavailable("The database's disk is full")) == "The database's disk is full"


def test_without_docstrings_an_error_says_its_name() -> None:
    done = subprocess.run(
        [sys.executable, "-OO", "-c", "from vettr_cron.domain.errors import RunSuperseded; print(RunSuperseded())"],
        check=True,
        capture_output=True,
        text=True,
        cwd=PROJECT,
    )
    assert done.stdout == "RunSuperseded\n"


def test_without_docstrings_the_openapi_document_is_made() -> None:
    program = (
        "from tests.world import World; "
        "world = World.make('sqlite:////nowhere/vettr.db', 'redis://127.0.0.1:1'); "
        "print(world.client.get('/openapi.json').status_code)"
    )
    done = subprocess.run(
        [sys.executable, "-OO", "-c", program], check=True, capture_output=True, text=True, cwd=PROJECT
    )
    assert done.stdout == "200\n"
