"""CRON_FRESH_WITHIN says what fresh means: in coverage, for the doctor and in the metrics."""

from contextlib import closing
from datetime import timedelta

from tests.integration.bare_stocks import add_stocks
from tests.integration.commands import printed_json
from tests.integration.doctor.examinations import examined
from tests.integration.scraping import scrape
from tests.world import World
from vettr_cron.services.clock import utc_now


def test_one_setting_says_what_fresh_means_everywhere(migrated_url: str, redis_url: str) -> None:
    with closing(World.make(migrated_url, redis_url, cron_fresh_within="10h")) as world:
        add_stocks(world, 12)
        world.data("refresh-all?chunks=all")
        old = "UPDATE cron_stock_states SET last_refreshed_at = :then WHERE ticker = 'T00007'"
        world.execute(old, then=f"{utc_now() - timedelta(hours=11):%Y-%m-%d %H:%M:%S.%f}")
        found = world.data("coverage")
        assert found["max_age_seconds"] == 36_000
        assert {counts["stale"] for counts in found["jobs"].values()} == {1}
        assert printed_json(world, "cron", "coverage")["jobs"] == found["jobs"]
        assert scrape(world)["stocks", "scores", "stale"] == 1
        assert "1 of 12 stocks have no result from the last 10 h" in examined(world)["schedule-scores"]["found"]
        assert {counts["stale"] for counts in world.data("coverage?max_age=12h")["jobs"].values()} == {0}
