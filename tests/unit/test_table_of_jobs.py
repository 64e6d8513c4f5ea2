"""The table of jobs is checked as an application is made: no two jobs, and no job and a reply's field, share a name."""

from dataclasses import replace

import pytest

from tests.world import make_settings
from vettr_cron.app import create_app
from vettr_cron.jobs.job import Job
from vettr_cron.jobs.scores import SCORES

FREE = replace(SCORES, name="free", run_name="refresh-free")


@pytest.mark.parametrize(
    ("table", "words"),
    [
        ({"again": SCORES}, "under the name 'again'"),
        ({"scores": SCORES, "free": replace(FREE, run_name="refresh-scores")}, "more than one job has the run name"),
        ({"model-dump": replace(FREE, name="model-dump")}, "cannot be called 'model-dump'"),
        ({"json": replace(FREE, name="json")}, "cannot be called 'json'"),
        ({"stocks": replace(FREE, name="stocks")}, "cannot be called 'stocks': a path"),
        ({"activity": replace(FREE, name="activity")}, "cannot be called 'activity': a path"),
        ({"runs": replace(FREE, name="runs")}, "cannot be called 'runs': a path"),
        ({"total-duration-ms": replace(FREE, name="total-duration-ms")}, "cannot be called 'total-duration-ms'"),
        ({"tz": replace(FREE, name="tz")}, "CRON_SCHEDULE_TZ is a setting for all jobs"),
        ({"grace-seconds": replace(FREE, name="grace-seconds")}, "CRON_SCHEDULE_GRACE_SECONDS is a setting for all"),
        ({"status": replace(FREE, name="status")}, "status"),
    ],
)
def test_a_name_that_is_taken_is_refused(table: dict[str, Job], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        create_app(make_settings("sqlite:///nowhere.db", "redis://127.0.0.1:1"), table)


@pytest.mark.parametrize("name", ["", "Scores", "red_flags", "1st", "a" * 21, "-x"])
def test_a_name_is_of_few_plain_characters(name: str) -> None:
    with pytest.raises(ValueError, match="is not a valid job name"):
        replace(SCORES, name=name)


@pytest.mark.parametrize("name", ["", "x" * 51])
def test_a_run_name_fits_its_column(name: str) -> None:
    with pytest.raises(ValueError, match="is not a valid run name"):
        replace(SCORES, run_name=name)
