"""A service with a database and a Redis of its own, in which a call dies and others go on; what must hold then."""

import json
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from queue import SimpleQueue
from typing import Any, NamedTuple, Protocol

from tests.chaos.caller import NEVER, Call, calling
from tests.integration.meddling import wait_until
from tests.world import World
from vettr_cron.domain.timestamps import iso_milliseconds
from vettr_cron.redis_store.leases import lease_key
from vettr_cron.work_settings import MAXIMUM_GROUP_SIZE

RESULTS = ("vetr_score_history", "vetr_score_snapshots", "red_flag_history", "cron_job_runs")


class Output(NamedTuple):
    """What one evaluation of a stock leaves behind."""

    table: str
    rows: int
    time: str
    answer: str


OUTPUTS = {
    "scores": Output("vetr_score_history", 1, "calculated_at", "vetr_score:"),
    "red-flags": Output("red_flag_history", 5, "detected_at", "red_flags:"),
}


@dataclass(frozen=True, slots=True)
class Recovery:
    """What the calls after a crash came to: the cycles that they saw, and how many stocks they did."""

    cycles: set[str]
    stocks_processed: int


@dataclass(frozen=True, slots=True)
class Arena:
    """One world, how a call of its one job is asked for, and the journal of the caller that dies.

    The caller that dies has a short lease; the world's own is the usual one, so that a busy machine may be slow.
    """

    world: World
    folder: Path
    job: str
    chunk_size: int
    lease_seconds: int
    engine: Mapping[str, Any] = field(default_factory=dict)  # settings that name another engine

    @property
    def path(self) -> str:
        return f"{self.job}?chunk_size={self.chunk_size}&chunks=all"

    @property
    def commit_group(self) -> int:
        return min(self.chunk_size, MAXIMUM_GROUP_SIZE)

    def call(self, moment: str = NEVER, **values: Any) -> Call:
        settings = self.world.services.settings
        return Call(
            database_url=self.world.database_url,
            redis_url=self.world.redis_url,
            path=self.path,
            moment=moment,
            journal=self.folder / "evaluated",
            settings={
                "cron_lease_seconds": self.lease_seconds,
                "cron_batch_size": settings.cron_batch_size,
                **self.engine,
            },
            **values,
        )

    def clear(self) -> None:
        """Forget all that was done."""
        for table in (*RESULTS, "cron_calls", "cron_samples"):
            self.world.execute(f"DELETE FROM {table}")
        self.world.redis.flushdb()
        (self.folder / "evaluated").unlink(missing_ok=True)

    def wait_for_the_lease_to_end(self) -> None:
        """Wait until the term of a dead holder is over."""
        wait_until(lambda: not self.world.redis.exists(lease_key(self.job)))

    def moments(self) -> list[str]:
        """Every moment of a call that does a whole cycle, in their order."""
        with calling(self.call()) as caller:
            answer = caller.answer()
        assert answer.status == 200, answer.json
        return answer.moments

    def running(self) -> list[Any]:
        """The ids of the runs that the table calls running."""
        return [run["id"] for run in self.world.table("cron_job_runs") if run["status"] == "running"]

    def assert_readers_see_nothing_running(self) -> None:
        """No reader is told that a run goes on whose holder is dead."""
        for state in self.world.data("status")["jobs"].values():
            assert state["running"] is None, state
        assert {run["status"] for run in self.world.data("history?limit=200")["runs"]} <= {"completed", "failed"}
        assert self.world.data("history?status=running")["total"] == 0
        shown = {run["id"] for run in self.world.data("history?status=failed&limit=200")["runs"]}
        assert {str(run_id) for run_id in self.running()} <= shown
        assert self.world.data("calls?status=running")["total"] == 0

    def recover(self) -> Recovery:
        """Call until the cycle ends that the dead caller began, or a new one where it had ended."""
        position = self.world.redis.hgetall(f"cron:{self.job}:position")
        cycles, processed = {str(position["finished"])} if "finished" in position else set(), 0
        expected = position.get("cycle_id")
        while True:
            result = self.world.data(self.path)
            assert result["status"] == "completed", result
            assert expected in (None, result["cycle_id"]), "a cycle that was under way was given up"
            cycles.add(result["cycle_id"])
            processed += result["stocks_processed"]
            if result["chunk_info"]["is_complete"]:
                return Recovery(cycles, processed)

    def assert_every_stock_once(self, tickers: Sequence[str], cycles: int) -> None:
        """Each of these stocks has the rows of so many cycles, one snapshot a day, and the newest row's answer."""
        output, world, wanted = OUTPUTS[self.job], self.world, set(tickers)
        rows = [row for row in world.table(output.table) if row["stock_ticker"] in wanted]
        assert Counter(row["stock_ticker"] for row in rows) == dict.fromkeys(tickers, output.rows * cycles)
        if self.job == "scores":
            snapshots = Counter(
                (row["stock_ticker"], row["recorded_at"]) for row in world.table("vetr_score_snapshots")
            )
            assert {ticker for ticker, _ in snapshots} >= wanted
            assert set(snapshots.values()) == {1}
        else:
            kinds = Counter((row["stock_ticker"], row["flag_type"]) for row in rows)
            assert set(kinds.values()) == {cycles}
            assert len(kinds) == 5 * len(tickers)
        newest: dict[str, str] = {}
        for row in sorted(rows, key=lambda row: row[output.time]):
            newest[row["stock_ticker"]] = iso_milliseconds(row[output.time])
        answers = world.redis.mget([f"{output.answer}{ticker}" for ticker in tickers])
        assert [json.loads(answer or "{}").get(output.time) for answer in answers] == [
            newest[ticker] for ticker in tickers
        ]

    def assert_runs_are_true(self, killed: Sequence[Any], rows: int) -> None:
        """No run is running, the killed ones ended with their last sign of life, and the counts cover all rows.

        No call is running either, and one that was closed for a dead one says so.
        """
        calls = self.world.table("cron_calls")
        assert {(call["status"], call["error"]) for call in calls} <= {("completed", None), ("failed", "interrupted")}
        runs = {run["id"]: run for run in self.world.table("cron_job_runs")}
        for run_id in killed:
            run = runs[run_id]
            assert (run["status"], run["error_message"]) == ("failed", "interrupted")
            assert run["completed_at"] == run["started_at"] + timedelta(milliseconds=run["duration_ms"])
        assert all(run["status"] == "completed" for run_id, run in runs.items() if run_id not in killed)
        done = sum(run["stocks_processed"] for run in runs.values())
        assert done == sum(run["succeeded"] for run in runs.values())
        assert 0 <= done - rows <= self.commit_group


class MakeArenas(Protocol):
    """Arenas whose databases are copies of one that is filled first; up to 15, as a Redis has 16 databases."""

    def __call__(
        self,
        count: int,
        fill: Callable[[World], object],
        *,
        job: str,
        chunk_size: int,
        lease_seconds: int = 2,
        batch_size: int = 10,
    ) -> list[Arena]: ...


def at_each(moments: Sequence[str], arenas: Sequence[Arena], act: Callable[[Arena, str], object]) -> None:
    """Act at each of the moments in a cleared arena; they take turns, so that nobody waits while a dead lease lasts."""
    free: SimpleQueue[Arena] = SimpleQueue()
    for arena in arenas:
        free.put(arena)

    def act_alone(moment: str) -> None:
        arena = free.get()
        try:
            arena.clear()
            act(arena, moment)
        except BaseException as problem:
            problem.add_note(f"the moment was: {moment}")
            raise
        finally:
            free.put(arena)

    with ThreadPoolExecutor(len(arenas)) as executor:
        for _ in executor.map(act_alone, moments):
            pass
