"""kill -9 at every step of a call: the calls that follow do every stock once, and the run log tells the truth."""

from collections.abc import Sequence

import pytest

from tests.chaos.arena import Arena, MakeArenas, at_each
from tests.chaos.caller import calling
from tests.chaos.rounds import sample
from tests.integration.bare_stocks import add_stocks
from tests.integration.celery_engine.strange_jobs import BEGUN
from tests.world import World

GROUP_STEPS = ("results written", "results committed", "cursor moved")

per_job = pytest.mark.parametrize("job", ["scores", "red-flags"])


def die_and_recover(arena: Arena, moment: str) -> None:
    tickers = arena.world.tickers()
    evaluated, killed = die(arena, moment)
    arena.assert_readers_see_nothing_running()
    recovery = arena.recover()
    rows = len(tickers) * len(recovery.cycles)
    arena.assert_every_stock_once(tickers, len(recovery.cycles))
    arena.assert_runs_are_true(killed, rows)
    computed_twice = len(evaluated) + recovery.stocks_processed - rows
    assert 0 <= computed_twice <= arena.commit_group


def die(arena: Arena, moment: str) -> tuple[list[str], list[object]]:
    """What a call had evaluated when it was killed, and the ids of the runs that it left; its lease is over."""
    with calling(arena.call(moment)) as caller:
        caller.wait_until_killed()
        evaluated = caller.evaluated()
    killed = arena.running()
    arena.wait_for_the_lease_to_end()
    return evaluated, killed


@pytest.mark.chaos
@per_job
def test_a_call_may_die_at_any_step_of_a_cycle(postgres_arenas: MakeArenas, job: str) -> None:
    arenas = postgres_arenas(8, lambda world: world.generate(25), job=job, chunk_size=10, batch_size=5)
    moments = arenas[0].moments()
    # The last steps are of two samples, after the first chunk and at the cycle's end, and of the call log.
    assert len(moments) == 11 + 3 * 19 + 2 * 3 + 3, "there are to be three chunks"
    at_each(moments, arenas, die_and_recover)


@pytest.mark.chaos
@per_job
def test_a_call_may_die_at_any_step_while_workers_do_its_groups(celery_arenas: MakeArenas, job: str) -> None:
    arenas = celery_arenas(6, lambda world: world.generate(25), job=job, chunk_size=10, batch_size=5)
    moments = arenas[0].moments()
    moves = [moment for moment in moments if moment.startswith("before cursor moved")]
    assert len(moves) == 5, "there are to be two chunks of two groups, and one of one"
    at_each(moments, arenas, die_and_recover_beside_workers)


def die_and_recover_beside_workers(arena: Arena, moment: str) -> None:
    tickers = arena.world.tickers()
    _evaluated, killed = die(arena, moment)
    arena.assert_readers_see_nothing_running()
    recovery = arena.recover()
    arena.assert_every_stock_once(tickers, len(recovery.cycles))
    rows = len(tickers) * len(recovery.cycles)
    arena.assert_runs_are_true(killed, rows)
    under_way = arena.engine["cron_group_size"] * arena.engine["cron_groups_under_way"]
    assert 0 <= arena.world.redis.llen(BEGUN) - rows <= under_way


@pytest.mark.chaos
@per_job
def test_a_call_may_die_at_any_step_of_chunks_of_several_commit_groups(postgres_arenas: MakeArenas, job: str) -> None:
    arenas = postgres_arenas(3, lambda world: add_stocks(world, 1100), job=job, chunk_size=510, lease_seconds=4)
    moments = [moment for moment in arenas[0].moments() if any(step in moment for step in GROUP_STEPS)]
    assert len(moments) == 5 * 6, "there are to be two chunks of two groups, and one of one"
    at_each(sample(moments), arenas, die_and_recover)


@per_job
def test_a_call_may_die_at_the_steps_that_count_on_sqlite(sqlite_arenas: MakeArenas, job: str) -> None:
    arenas = sqlite_arenas(8, lambda world: world.generate(25), job=job, chunk_size=10, batch_size=5)
    steps = ("run row inserted", "results committed", "cursor moved", "run row finished")
    at_each([f"{side} {step} 2" for step in steps for side in ("before", "after")], arenas, die_and_recover)


@per_job
def test_stocks_that_come_and_go_during_an_outage_affect_no_other(postgres_arenas: MakeArenas, job: str) -> None:
    def die_and_recover_in_another_universe(arena: Arena, moment: str) -> None:
        die(arena, moment)
        here_throughout = change_universe(arena.world, done=10)
        recovery = arena.recover()
        assert len(recovery.cycles) == 1
        arena.assert_every_stock_once(here_throughout, 1)

    arenas = postgres_arenas(4, lambda world: world.generate(25), job=job, chunk_size=10, batch_size=5)
    moments = ["after results committed 1", "after cursor moved 1", "after run row finished 1", "before cursor moved 2"]
    at_each(moments, arenas, die_and_recover_in_another_universe)


def change_universe(world: World, done: int) -> Sequence[str]:
    """Remove, add and rename stocks before and after the place that is reached; who stays is given back."""
    tickers = world.tickers()
    gone = [tickers[0], tickers[done - 2], tickers[done + 7]]
    for ticker in gone:
        world.execute("DELETE FROM stocks WHERE ticker = :ticker", ticker=ticker)
    add_stocks(world, 3)  # T00000 and the next
    world.execute("UPDATE stocks SET ticker = '0.NEW' WHERE ticker = 'T00000'")
    return [ticker for ticker in tickers if ticker not in gone]
