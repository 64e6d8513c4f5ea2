"""The secrets."""

from contextlib import closing
from typing import Any

import pytest

from tests.integration.doctor.examinations import GOOD_SECRET, WARNING, assert_found, on_settings
from tests.world import World


@pytest.mark.parametrize(
    ("settings", "found", "mend"),
    [
        ({"cron_secret": None}, "every caller on this machine is let in", "Set CRON_SECRET"),
        ({"cron_secret": "hush-hush"}, "fewer than 16 characters", "CRON_SECRET_PREVIOUS to the current one"),
        ({"cron_secret": "please-change-me-hush"}, "placeholder", "openssl rand -hex 32"),
        ({"cron_secret_previous": "hush-hush-older"}, "still lets callers in", "remove CRON_SECRET_PREVIOUS"),
        ({"cron_secret_previous": GOOD_SECRET}, "the same as CRON_SECRET", "Remove CRON_SECRET_PREVIOUS"),
        ({"metrics_token": "hush-hush"}, "METRICS_TOKEN has fewer than 16 characters", "Set METRICS_TOKEN"),
        ({"metrics_token": GOOD_SECRET}, "METRICS_TOKEN is the same as CRON_SECRET", "Set METRICS_TOKEN"),
    ],
)
def test_a_secret_that_keeps_nobody_out(healthy: World, settings: dict[str, Any], found: str, mend: str) -> None:
    with closing(on_settings(healthy, **settings)) as world:
        assert_found(world, "secret", WARNING, found, mend)
