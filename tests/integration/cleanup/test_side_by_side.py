"""Two cleanups at once, and a refresh beside a cleanup."""

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager
from datetime import timedelta
from functools import partial
from threading import Barrier
from uuid import UUID

from tests.integration.cleanup.removals import (
    KEEP,
    KEEP_NAMES,
    NO_CALLS,
    NOW,
    TABLES,
    acknowledge,
    add_flag,
    add_old_of_each,
    add_refreshed,
    add_run,
    add_snapshot,
    clean,
    ids,
    in_pieces,
)
from tests.integration.meddling import under_way
from tests.integration.statements import at_statements
from tests.world import World
from vettr_cron.services.operate.cleanup import CleanupRequest


def add_much_of_each(world: World) -> Mapping[str, set[UUID]]:
    """Many rows that may go, of several series that mix; what may not go by table: the newest, and what is named."""
    kept: dict[str, set[UUID]] = {name: set() for name in TABLES}
    for series, job in enumerate(("refresh-scores", "refresh-red-flags", "another program's")):
        for days in range(40):
            at = NOW - timedelta(days=400 - days * 2, hours=series)
            run, flag = add_run(world, at, job), add_flag(world, at, f"T{series}")
            snapshot = add_snapshot(world, at, f"T{series}")
            if series == 2:
                kept["cron_job_runs"].add(run)
            if series == 0 and days == 0:
                acknowledge(world, flag)
                kept["red_flag_history"].add(flag)
        add_refreshed(world, f"T{series}", at=at)
        for name, newest in zip(TABLES, (run, flag, snapshot), strict=True):
            kept[name].add(newest)
    return kept


@contextmanager
def meeting_at_each_table(world: World, barrier: Barrier) -> Iterator[None]:
    """Wait for the other before the first piece of each table."""
    with ExitStack() as stack:
        for name in TABLES:
            stack.enter_context(at_statements(world, f"FROM {name}", "LIMIT", act=barrier.wait, only=1))
        yield


def test_two_cleanups_at_once_remove_each_row_once(migrated_url: str, redis_url: str) -> None:
    with closing(World.make(migrated_url, redis_url)) as one, closing(World.make(migrated_url, redis_url)) as other:
        kept, before = add_much_of_each(one), {name: len(one.table(name)) for name in TABLES}
        barrier, request = Barrier(2, timeout=60), CleanupRequest(keep=KEEP, time_budget=None)
        with meeting_at_each_table(one, barrier), meeting_at_each_table(other, barrier):
            both = [under_way(partial(in_pieces(world, 3).run, request)) for world in (one, other)]
            results = [call.result(60) for call in both]
        assert all(result.is_complete and result.error is None for result in results)
        assert {name: ids(one, name) for name in TABLES} == kept
        assert len(one.rows("SELECT id FROM red_flag_acknowledgments")) == 1
        for name, table in zip(KEEP_NAMES, TABLES, strict=True):
            assert sum(result.removed[name] for result in results) == before[table] - len(kept[table])


def test_a_refresh_runs_beside_a_cleanups_transaction(postgres_world: World) -> None:
    add_old_of_each(postgres_world, NOW)
    replies = []

    def refresh_all() -> None:  # while the rows are removed, and not yet committed
        replies.append(postgres_world.data("refresh-all"))

    with at_statements(postgres_world, "DELETE FROM", act=refresh_all, after=True):
        assert clean(postgres_world).removed == NO_CALLS | {"runs": 3, "red_flags": 3, "snapshots": 3}
    assert len(replies) == 3
    assert all(reply["scores"]["succeeded"] == reply["red_flags"]["succeeded"] == 1 for reply in replies)
