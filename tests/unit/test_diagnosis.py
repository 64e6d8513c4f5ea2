"""What the doctor says of settings and servers: where a limit lies, and what counts as what."""

from dataclasses import replace
from datetime import timedelta

import pytest

from vettr_cron.domain.diagnosis.check import Check, Diagnosis, State, judged, problem, unchecked, warning
from vettr_cron.domain.diagnosis.servers import RedisFacts, clock, redis
from vettr_cron.domain.diagnosis.settings import Connections, connections, secret

STRONG = "8c1f0b7e55d94a02"
REDIS = RedisFacts(
    round_trip_ms=0.5,
    policy="noeviction",
    maxmemory=0,
    used_memory=1_000_000,
    append_only=True,
    snapshots=False,
    is_replica=False,
    refusal=None,
    ahead=timedelta(),
)
WEB = Connections(processes=2, threads=8, jobs=2, pool=10, allowed=97)


def test_a_check_is_as_bad_as_its_worst_finding_and_names_that_first() -> None:
    found = judged("name", "fine", [warning("late", "Hurry."), problem("lost", "Search."), warning("later", "Hurry.")])
    assert found == Check("name", State.PROBLEM, "lost; late; later", "Search. Hurry.")


def test_warnings_alone_are_no_problem() -> None:
    assert Diagnosis([judged("one", "fine", []), unchecked("two", "away")]).ok
    diagnosis = Diagnosis([judged("one", "", [problem("lost", "Search.")]), unchecked("two", "away")])
    assert (diagnosis.ok, diagnosis.count(State.PROBLEM), diagnosis.count(State.WARNING)) == (False, 1, 1)


@pytest.mark.parametrize(
    "text",
    [
        "0123456789abcde",
        "your-cron-secret-here",
        "ChangeMe-ChangeMe-1",
        "<put the secret here>",
        "aaaaaaaaaaaaaaaaaaaa",
    ],
)
def test_a_secret_that_others_may_guess(text: str) -> None:
    found = secret(text, None, None)
    assert (found.state, text in found.found) == (State.WARNING, False)


@pytest.mark.parametrize("text", [STRONG, "correct horse battery staple"])
def test_a_secret_that_is_one(text: str) -> None:
    assert secret(text, None, None).state is State.OK


@pytest.mark.parametrize(
    ("token", "words"),
    [
        ("0123456789abcde", "METRICS_TOKEN has fewer than 16 characters"),
        ("your-metrics-secret", "METRICS_TOKEN looks like a placeholder"),
        (STRONG, "METRICS_TOKEN is the same as CRON_SECRET:"),
        (STRONG[::-1], "METRICS_TOKEN is the same as CRON_SECRET_PREVIOUS:"),
    ],
)
def test_a_metrics_token_that_is_weak_or_shared(token: str, words: str) -> None:
    found = secret(STRONG, STRONG[::-1], token)
    assert (found.state, words in found.found, token in found.found) == (State.WARNING, True, False)
    assert found.fix is not None
    assert "Set METRICS_TOKEN to a long random string" in found.fix


@pytest.mark.parametrize("token", [None, STRONG[::-1]])
def test_a_token_of_its_own_or_none_is_fine(token: str | None) -> None:
    assert secret(STRONG, None, token).state is State.OK


def test_a_pool_that_is_smaller_than_what_the_threads_need() -> None:
    assert connections(WEB).state is State.OK
    found = connections(replace(WEB, pool=9))
    assert (found.state, "8 threads, which may need 10" in found.found) == (State.WARNING, True)


@pytest.mark.parametrize(
    ("allowed", "state"),
    [(None, State.OK), (18, State.OK), (17, State.WARNING), (16, State.WARNING), (15, State.PROBLEM)],
)
def test_the_database_must_let_in_all_threads_and_is_to_let_them_read_ahead(allowed: int | None, state: State) -> None:
    assert connections(replace(WEB, allowed=allowed)).state is state


def test_a_lone_process_is_not_told_to_be_fewer() -> None:
    fix = connections(replace(WEB, processes=1, allowed=5)).fix
    assert fix is not None
    assert "WEB_CONCURRENCY" not in fix


@pytest.mark.parametrize(
    ("facts", "state", "words"),
    [
        ({}, State.OK, "accepts writes and keeps them"),
        ({"append_only": False, "snapshots": True}, State.OK, "keeps them"),
        ({"append_only": False}, State.WARNING, "a restart loses the cursors"),
        ({"append_only": False, "snapshots": None}, State.WARNING, "does not report whether it saves its keys"),
        ({"policy": None}, State.WARNING, "does not report which keys it drops"),
        ({"maxmemory": 1_000_000}, State.PROBLEM, "out of memory"),
        ({"maxmemory": 1_000_000, "policy": "allkeys-lfu"}, State.PROBLEM, "drops cursors and leases (allkeys-lfu)"),
        ({"is_replica": True, "refusal": "read-only"}, State.PROBLEM, "replica"),
        ({"refusal": "Redis cannot save"}, State.PROBLEM, "No call works: Redis cannot save"),
    ],
)
def test_what_redis_says_of_itself(facts: dict[str, object], state: State, words: str) -> None:
    found = redis(replace(REDIS, **facts))  # type: ignore[arg-type]  # all of them are facts
    assert (found.state, words in found.found) == (state, True), found


@pytest.mark.parametrize(
    ("seconds", "state"),
    [
        (2, State.OK),
        (-2, State.OK),
        (2.1, State.WARNING),
        (-30, State.WARNING),
        (30.1, State.PROBLEM),
        (None, State.WARNING),
    ],
)
def test_a_clock_may_differ_by_two_seconds_and_must_not_by_a_lease(seconds: float | None, state: State) -> None:
    ahead = None if seconds is None else timedelta(seconds=seconds)
    found = clock({"Redis": ahead, "The database": timedelta()}, timedelta(seconds=30))
    assert (found.state, "Redis" in found.found) == (state, True)
