"""What a worker does with a group that is delivered twice, late, or by another release."""

import json
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from typing import Any
from uuid import uuid4

import pytest
from celery.exceptions import Reject

from tests.integration.bare_stocks import add_stocks
from tests.integration.group_tasks import task_of
from tests.jobs import THE_TWO
from tests.world import World
from vettr_cron.celery_engine.messages import (
    FORM,
    GroupMessage,
    OutcomeMessage,
    Refusal,
    UnknownForm,
    packed_group,
    packed_outcome,
    unpacked_outcome,
)
from vettr_cron.celery_engine.worker import GroupWorker
from vettr_cron.domain.attempt import Attempt
from vettr_cron.domain.run import StockFailure
from vettr_cron.jobs.job import Item
from vettr_cron.redis_store.groups import Groups

GROUP = "of the test"


class Delivering:
    """A caller that has given out one group, and a worker in the test's own process."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.groups = Groups(world.services.redis)
        self.call = uuid4().hex
        self.message = packed_group(GroupMessage(call=self.call, group=GROUP, task=task_of(world, "scores")))
        self.begin(self.call)
        assert self.groups.add("scores", self.call, [GROUP])
        self.worker = GroupWorker(world.services.database, world.services.redis, THE_TWO, 2, "the worker")

    def begin(self, call: str) -> None:
        """Begin a call that holds the job's lease."""
        self.world.redis.hset("cron:scores:lease", "call_id", call)
        assert self.groups.begin("scores", call)

    def deliver(self, message: Any = None) -> OutcomeMessage | None:
        """What the worker leaves for the caller."""
        self.world.redis.delete(f"cron:outcome:{GROUP}")
        self.worker.do(message or self.message, GROUP, "scores", "tag")
        text = self.groups.outcomes([GROUP]).get(GROUP)
        return text and unpacked_outcome(text)  # type: ignore[return-value]

    def written(self) -> list[str]:
        return sorted(str(row) for row in self.world.table("vetr_score_history"))


@pytest.fixture
def delivering(postgres_world: World, monkeypatch: pytest.MonkeyPatch) -> Iterator[Delivering]:
    monkeypatch.setattr("vettr_cron.celery_engine.worker.FORM_PAUSE_SECONDS", 0)
    add_stocks(postgres_world, 30)
    yield Delivering(postgres_world)


def test_a_group_that_is_delivered_twice_writes_the_same_rows(delivering: Delivering) -> None:
    first = delivering.deliver()
    written = delivering.written()
    assert first is not None
    assert first.outcome is not None
    assert (first.outcome.stocks, first.outcome.last, first.outcome.is_whole) == (10, "T00019", True)
    assert len(written) == 10
    assert delivering.deliver() == first
    assert delivering.written() == written
    assert delivering.groups.redeliveries() == {"scores": 1}


def test_a_worker_leaves_the_counts_of_the_run_to_its_caller(delivering: Delivering) -> None:
    delivering.deliver()
    (run,) = delivering.world.table("cron_job_runs")
    assert (run["stocks_processed"], run["status"]) == (0, "running")


def test_a_group_of_a_closed_run_writes_nothing(delivering: Delivering) -> None:
    delivering.world.execute("UPDATE cron_job_runs SET status = 'failed'")
    answer = delivering.deliver()
    assert answer is not None
    assert answer.refusal is Refusal.SUPERSEDED
    assert not delivering.written()
    assert not delivering.world.table("cron_stock_states")


@pytest.mark.parametrize("how", ["taken", "ended", "superseded", "expired"])
def test_a_group_that_nobody_wants_any_more_is_dropped(delivering: Delivering, how: str) -> None:
    if how == "taken":
        delivering.groups.drop("scores", delivering.call, [GROUP])
    elif how == "ended":
        delivering.groups.end("scores", delivering.call)
    elif how == "superseded":
        delivering.begin(uuid4().hex)
    else:
        delivering.world.redis.delete("cron:scores:groups")
    assert delivering.deliver() is None
    assert not delivering.written()


def test_an_outcome_that_nobody_wants_any_more_is_not_left(delivering: Delivering) -> None:
    delivering.groups.leave_outcome("scores", GROUP, "wanted")
    assert delivering.groups.outcomes([GROUP]) == {GROUP: "wanted"}
    delivering.groups.drop("scores", delivering.call, [GROUP])
    delivering.groups.leave_outcome("scores", GROUP, "late")
    assert not delivering.groups.outcomes([GROUP])


def test_a_superseded_caller_changes_nothing_of_its_successors(delivering: Delivering) -> None:
    successor = uuid4().hex
    delivering.begin(successor)
    assert not delivering.groups.begin("scores", delivering.call)
    assert delivering.groups.add("scores", successor, ["its own"])
    assert not delivering.groups.add("scores", delivering.call, ["late"])
    assert delivering.groups.stop("scores", delivering.call, ["its own"]) == set()
    delivering.groups.drop("scores", delivering.call, ["its own"])
    delivering.groups.end("scores", delivering.call)
    assert delivering.groups.look("scores", delivering.call) is None
    assert set(delivering.groups.look("scores", successor) or ()) == {"its own"}


def test_a_group_of_a_run_that_the_workers_database_does_not_have_is_handed_back_with_words(
    delivering: Delivering,
) -> None:
    delivering.world.execute("DELETE FROM cron_job_runs")
    answer = delivering.deliver()
    assert answer is not None
    assert (answer.refusal, "DATABASE_URL" in answer.error) == (Refusal.FORM, True)
    assert not delivering.written()


def test_a_worker_that_lives_is_not_counted_as_dead_by_one_that_begins_its_group_too(delivering: Delivering) -> None:
    """As happens to all groups of a worker whose connection to the broker breaks."""
    groups, call = delivering.groups, delivering.call
    assert groups.take("scores", call, GROUP) == 1
    for evaluated in range(6):
        assert groups.take("scores", call, GROUP) == 2
        assert groups.report("scores", call, GROUP, evaluated, times=1) == (True, False)
        assert groups.report("scores", call, GROUP, evaluated, times=2) == (True, False)
    assert [groups.take("scores", call, GROUP) for _dead in range(3)] == [2, 3, 4]


def test_a_worker_says_when_it_was_last_heard_of(delivering: Delivering) -> None:
    groups, call = delivering.groups, delivering.call

    def heard_of_at() -> float:
        return (groups.look("scores", call) or {})[GROUP].heard_of_at

    given_out = heard_of_at()
    times = groups.take("scores", call, GROUP)
    begun = heard_of_at()
    groups.report("scores", call, GROUP, 0, times)
    assert given_out < begun < heard_of_at()


def test_an_outcome_that_cannot_be_packed_is_told_as_a_bug(
    delivering: Delivering, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(message: OutcomeMessage) -> str:
        if message.outcome is not None:
            raise ValueError("what cannot be packed")
        return packed_outcome(message)

    monkeypatch.setattr("vettr_cron.celery_engine.worker.packed_outcome", broken)
    answer = delivering.deliver()
    assert answer is not None
    assert answer.refusal is Refusal.ERROR
    assert "ValueError" in answer.error


def test_a_worker_that_redis_refuses_hands_back_its_group_after_a_while(
    delivering: Delivering, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("vettr_cron.celery_engine.worker.PAUSE_SECONDS", 0.3)
    delivering.world.redis.delete("cron:scores:groups")
    delivering.world.redis.set("cron:scores:groups", "not a hash")
    begun = time.monotonic()
    with pytest.raises(Reject):
        delivering.deliver()
    assert time.monotonic() - begun >= 0.3


def test_a_stop_whose_answer_is_lost_is_asked_for_again_with_the_same_answer(delivering: Delivering) -> None:
    groups, call = delivering.groups, delivering.call
    assert groups.add("scores", call, ["begun"])
    assert groups.take("scores", call, "begun") == 1
    assert [groups.stop("scores", call, [GROUP, "begun"]) for _time in range(2)] == [{GROUP}] * 2


def test_a_group_that_was_begun_three_times_is_given_up(delivering: Delivering) -> None:
    refusals = [answer and answer.refusal for answer in (delivering.deliver() for _ in range(4))]
    assert refusals == [None, None, None, Refusal.LOST]


@pytest.mark.parametrize(
    "change",
    [{"form": FORM + 1, "release": "9.0.0"}, {"form": None}, {"task": {"job": "scores"}}, {"call": 5}],
)
def test_a_message_that_the_worker_does_not_know_is_handed_back_with_words(
    delivering: Delivering, change: dict[str, Any]
) -> None:
    answer = delivering.deliver({**delivering.message, **change})
    assert answer is not None
    assert (answer.refusal, answer.worker) == (Refusal.FORM, "the worker")
    assert "run callers and workers of the same release" in answer.error
    assert str(change.get("release", "")) in answer.error
    assert not delivering.written()


def test_a_job_that_the_worker_does_not_know_is_handed_back(delivering: Delivering) -> None:
    task = replace(task_of(delivering.world, "scores"), job="dividends")
    answer = delivering.deliver(packed_group(GroupMessage(call=delivering.call, group=GROUP, task=task)))
    assert answer is not None
    assert (answer.refusal, "dividends" in answer.error) == (Refusal.FORM, True)


def test_a_message_is_plain_json_and_comes_back_as_it_was(delivering: Delivering) -> None:
    outcome = delivering.deliver()
    assert outcome is not None
    assert unpacked_outcome(packed_outcome(outcome)) == outcome


@pytest.mark.parametrize("text", ["", "no JSON", "[]", '{"form": 99, "release": "9"}', f'{{"form": {FORM}}}'])
def test_an_outcome_that_the_caller_does_not_know_is_refused_with_words(text: str) -> None:
    with pytest.raises(UnknownForm, match="outcome"):
        unpacked_outcome(text)


def test_a_group_that_is_no_longer_wanted_saves_nothing(
    delivering: Delivering, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("vettr_cron.celery_engine.worker.REPORT_SECONDS", 0.02)
    scores, waited = THE_TWO["scores"], threading.Event()

    def evaluate(item: Item, attempt: Attempt) -> Any:
        delivering.groups.end("scores", delivering.call)
        waited.wait(0.5)  # for some reports
        return scores.evaluate(item, attempt)

    jobs = {"scores": replace(scores, evaluate=evaluate)}
    delivering.worker = GroupWorker(delivering.world.services.database, delivering.world.redis, jobs, 2, "the worker")
    assert delivering.deliver() is None
    assert not delivering.written()


def test_a_message_stays_small_however_many_stocks_have_failed(delivering: Delivering) -> None:
    task = task_of(delivering.world, "scores")
    failures = [StockFailure(f"T{number:05}", "something is wrong") for number in range(9_000)]
    failed = replace(task, run=task.run.with_stocks(0, failures, 1))
    message = packed_group(GroupMessage(call=delivering.call, group=GROUP, task=failed))
    assert len(json.dumps(message)) < 2_000
