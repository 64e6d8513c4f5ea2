"""A holder that is stopped past its lease's term: another goes on, and nothing that the first does then counts."""

import signal
import time
from collections.abc import Callable
from contextlib import AbstractContextManager

import pytest

from tests.chaos.arena import Arena, MakeArenas, at_each
from tests.chaos.caller import Answer, Caller, calling
from tests.integration.meddling import at_stock, refresh
from tests.jobs import THE_TWO
from vettr_cron.domain.run import CallStatus, JobResult, StopReason

UNBLOCKED = 5  # seconds; who is blocked waits for three times that, and then fails
STOCKS = 20
OPEN_TRANSACTIONS = """
    SELECT count(*) AS number FROM pg_stat_activity
    WHERE datname = current_database() AND state LIKE 'idle in transaction%'
"""

per_job = pytest.mark.parametrize("job", ["scores", "red-flags"])


def stopping(arena: Arena, moment: str) -> AbstractContextManager[Caller]:
    return calling(arena.call(moment, signal=signal.SIGSTOP))


def moments_until_the_cursor_moves(arena: Arena) -> list[str]:
    """Every moment at which a holder can be stopped whose chunk another then does."""
    moments = arena.moments()
    return moments[moments.index("after lease taken 1") : moments.index("before cursor moved 1") + 1]


def take_over(arena: Arena, meanwhile: Callable[[], object]) -> JobResult:
    """Do the chunk once the lease of the stopped one is over; `meanwhile` happens in the middle of it."""
    arena.wait_for_the_lease_to_end()
    begun, waited = time.monotonic(), []

    def in_the_middle() -> None:
        waited.append(time.monotonic() - begun)
        meanwhile()

    result = refresh(arena.world, at_stock(THE_TWO[arena.job], 1, in_the_middle), chunk_size=arena.chunk_size)
    assert waited[0] < UNBLOCKED, "the stopped one blocked its successor"
    return result


def assert_superseded(answer: Answer) -> None:
    assert answer.status == 500, answer
    result = answer.json["error"]["details"]
    assert (result["status"], result["stop_reason"]) == ("failed", "superseded")


def assert_only_the_second_counts(arena: Arena, second: JobResult) -> None:
    assert (second.status, second.stop_reason) == (CallStatus.COMPLETED, StopReason.CYCLE_COMPLETE)
    arena.assert_every_stock_once(arena.world.tickers(), 1)
    runs = {run["id"]: run for run in arena.world.table("cron_job_runs")}
    run = runs.pop(second.run_id)
    assert (run["status"], run["stocks_processed"], run["error_message"]) == ("completed", STOCKS, None)
    assert [other["status"] for other in runs.values()] in ([], ["failed"])
    position = arena.world.redis.hgetall(f"cron:{arena.job}:position")
    assert (arena.world.redis.get(f"cron:{arena.job}:offset"), position["finished"]) == ("0", str(second.cycle_id))


def go_on_while_another_works(arena: Arena, moment: str) -> None:
    answers = []
    with stopping(arena, moment) as first:
        first.wait_until_stopped()

        def go_on() -> None:
            first.go_on()
            answers.append(first.answer())

        second = take_over(arena, go_on)
    assert_superseded(answers[0])
    assert_only_the_second_counts(arena, second)


def go_on_when_another_has_finished(arena: Arena, moment: str) -> None:
    with stopping(arena, moment) as first:
        first.wait_until_stopped()
        second = take_over(arena, lambda: None)
        assert second.duration_ms < UNBLOCKED * 1000, "the stopped one blocked its successor"
        first.go_on()
        assert_superseded(first.answer())
    assert_only_the_second_counts(arena, second)


@pytest.mark.chaos
@pytest.mark.parametrize(
    ("job", "then"),
    [
        ("scores", go_on_while_another_works),
        ("scores", go_on_when_another_has_finished),
        ("red-flags", go_on_while_another_works),
    ],
)
def test_nothing_counts_of_a_holder_that_was_stopped_at_any_step(
    postgres_arenas: MakeArenas, job: str, then: Callable[[Arena, str], object]
) -> None:
    arenas = postgres_arenas(7, lambda world: world.generate(STOCKS), job=job, chunk_size=STOCKS)
    at_each(moments_until_the_cursor_moves(arenas[0]), arenas, then)


@pytest.mark.parametrize("moment", ["after results written 1", "before results committed 1"])
def test_the_open_transaction_of_a_stopped_holder_ends_before_its_lease(
    postgres_arenas: MakeArenas, moment: str
) -> None:
    (arena,) = postgres_arenas(1, lambda world: world.generate(STOCKS), job="scores", chunk_size=STOCKS)
    with stopping(arena, moment) as first:
        first.wait_until_stopped()
        assert open_transactions(arena) == 1
        arena.wait_for_the_lease_to_end()
        assert open_transactions(arena) == 0
        assert not arena.world.table("vetr_score_history")


def open_transactions(arena: Arena) -> int:
    (row,) = arena.world.rows(OPEN_TRANSACTIONS)
    return int(row["number"])


@per_job
def test_a_holder_stopped_after_its_last_move_keeps_its_results(postgres_arenas: MakeArenas, job: str) -> None:
    (arena,) = postgres_arenas(1, lambda world: world.generate(STOCKS), job=job, chunk_size=STOCKS)
    with stopping(arena, "after cursor moved 1") as first:
        first.wait_until_stopped()
        (killed,) = arena.running()
        second = take_over(arena, lambda: None)
        first.go_on()
        assert_superseded(first.answer())
    assert second.status is CallStatus.COMPLETED
    arena.assert_every_stock_once(arena.world.tickers(), 2)
    arena.assert_runs_are_true([killed], 2 * STOCKS)


@pytest.mark.chaos
def test_on_sqlite_a_stopped_writer_means_503_until_it_goes_on(sqlite_arenas: MakeArenas) -> None:
    def go_on_while_others_wait(arena: Arena, moment: str) -> None:
        with stopping(arena, moment) as first:
            first.wait_until_stopped()
            arena.wait_for_the_lease_to_end()
            assert arena.world.call(arena.path).status_code == 503
            arena.assert_readers_see_nothing_running()
            first.go_on()
            assert_superseded(first.answer())
        recover_and_check(arena)

    arenas = sqlite_arenas(2, lambda world: world.generate(STOCKS), job="scores", chunk_size=STOCKS)
    at_each(["after results written 1", "before results committed 1"], arenas, go_on_while_others_wait)


@pytest.mark.chaos
def test_on_sqlite_a_stopped_writer_means_503_until_it_dies(sqlite_arenas: MakeArenas) -> None:
    (arena,) = sqlite_arenas(1, lambda world: world.generate(STOCKS), job="scores", chunk_size=STOCKS)
    with stopping(arena, "before results committed 1") as first:
        first.wait_until_stopped()
        arena.wait_for_the_lease_to_end()
        assert arena.world.call(arena.path).status_code == 503
    recover_and_check(arena)


def recover_and_check(arena: Arena) -> None:
    recovery = arena.recover()
    arena.assert_every_stock_once(arena.world.tickers(), len(recovery.cycles))
    assert not arena.running()
