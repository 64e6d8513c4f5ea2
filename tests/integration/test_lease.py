"""The lease: one holder per job, for as long as it renews, and never released by another."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
from redis import Redis

from tests.integration.meddling import wait_until
from vettr_cron.domain.lease import Held
from vettr_cron.redis_store.leases import Lease, Leases, lease_key

KEY = lease_key("scores")
HOUR = 3_600


@pytest.fixture
def leases(client: "Redis") -> Leases:
    """Leases of 30 seconds."""
    return Leases(client, 30)


def taken(leases: Leases, job: str = "scores") -> Lease:
    lease = leases.acquire(job)
    assert isinstance(lease, Lease)
    return lease


def refused(leases: Leases, job: str = "scores") -> Held:
    held = leases.acquire(job)
    assert isinstance(held, Held)
    return held


def expire(client: "Redis") -> None:
    """Let the term of whoever holds the lease run out now."""
    client.pexpire(KEY, 1)
    wait_until(lambda: not client.exists(KEY))


def test_one_of_many_at_once_gets_the_lease(leases: Leases) -> None:
    start = threading.Barrier(16)

    def acquire(_number: int) -> Lease | Held:
        start.wait()
        return leases.acquire("scores")

    with ThreadPoolExecutor(16) as executor:
        answers = list(executor.map(acquire, range(16)))
    assert sum(isinstance(answer, Lease) for answer in answers) == 1


def test_each_job_has_a_lease_of_its_own(leases: Leases) -> None:
    taken(leases)
    taken(leases, "red-flags")
    refused(leases)
    refused(leases, "red-flags")


def test_who_is_refused_learns_the_run_and_what_is_left_of_the_term(leases: Leases) -> None:
    lease = taken(leases)
    assert refused(leases).run_id is None
    assert leases.renew(lease, "the run")
    held = refused(leases)
    assert held.run_id == "the run"
    assert 25 < held.seconds_left <= 30
    assert leases.holder("scores") is not None


def test_a_refusal_does_not_lengthen_the_term(leases: Leases, client: "Redis") -> None:
    taken(leases)
    client.expire(KEY, 10)
    refused(leases)
    assert client.ttl(KEY) <= 10


def test_the_lease_can_be_taken_again_once_it_is_given_back(leases: Leases) -> None:
    with leases.kept(taken(leases)):
        refused(leases)
    assert leases.holder("scores") is None
    taken(leases)


def test_the_lease_is_given_back_when_the_work_breaks_off(leases: Leases) -> None:
    with pytest.raises(KeyboardInterrupt), leases.kept(taken(leases)):
        raise KeyboardInterrupt
    assert leases.holder("scores") is None


def test_the_lease_can_be_taken_over_when_its_term_ran_out(leases: Leases, client: "Redis") -> None:
    first = taken(leases)
    expire(client)
    second = taken(leases)
    assert not leases.renew(first)
    assert first.lost
    assert leases.renew(second)


def test_only_the_holder_gives_the_lease_back(leases: Leases, client: "Redis") -> None:
    with leases.kept(taken(leases)):
        expire(client)
        second = taken(leases)
    assert leases.renew(second)
    assert client.hget(KEY, "token") == second.token


def test_only_the_holder_renews_the_lease(leases: Leases, client: "Redis") -> None:
    first = taken(leases)
    expire(client)
    taken(leases)
    client.expire(KEY, 10)
    assert not leases.renew(first, "the first one's run")
    assert client.ttl(KEY) <= 10
    assert refused(leases).run_id is None


def test_a_lease_that_is_gone_is_not_brought_back_by_a_renewal(leases: Leases, client: "Redis") -> None:
    first = taken(leases)
    expire(client)
    assert not leases.renew(first)
    assert leases.holder("scores") is None


@pytest.mark.parametrize("kind", ["text", "list", "set", "hash without a token", "hash without a term"])
def test_anything_else_in_the_key_keeps_nobody_out(leases: Leases, client: "Redis", kind: str) -> None:
    meddle: dict[str, Callable[[], object]] = {
        "text": lambda: client.set(KEY, "locked"),
        "list": lambda: client.rpush(KEY, "locked"),
        "set": lambda: client.sadd(KEY, "locked"),
        "hash without a token": lambda: client.hset(KEY, "run_id", "1"),
        "hash without a term": lambda: client.hset(KEY, "token", "somebody's"),
    }
    meddle[kind]()
    assert leases.holder("scores") is None
    lease = taken(leases)
    refused(leases)
    assert 25 < client.ttl(KEY) <= 30
    assert leases.renew(lease)


def outlive_the_term(client: "Redis", seconds: int) -> None:
    """Let the key live on for so long, as a step back of Redis' clock does."""
    client.expire(KEY, seconds)


def test_readers_learn_the_call_of_a_lease_as_long_as_it_is_held(leases: Leases, client: "Redis") -> None:
    lease = leases.acquire("scores", "the call")
    assert isinstance(lease, Lease)
    assert leases.renew(lease, "the run")
    held = leases.holder("scores")
    assert held is not None
    assert (held.call_id, held.run_id) == ("the call", "the run")
    client.delete(KEY)
    taken(leases)
    assert refused(leases).call_id is None


def test_a_lease_that_outlives_its_term_is_cut_to_it_by_who_wants_it(leases: Leases, client: "Redis") -> None:
    holder = Leases(client, 10)
    lease = taken(holder)
    assert holder.renew(lease, "the run")
    outlive_the_term(client, 2 * HOUR)
    held = refused(leases)
    assert (held.run_id, held.seconds_left) == ("the run", 10)
    assert 2 * HOUR - 11 < held.seconds_beyond_term <= 2 * HOUR - 10
    assert 8 < client.ttl(KEY) <= 10
    assert refused(leases).seconds_beyond_term == 0
    assert holder.renew(lease)  # if it lives


def test_a_reader_cuts_nothing_and_reports_the_term(leases: Leases, client: "Redis") -> None:
    taken(leases)
    outlive_the_term(client, 2 * HOUR)
    held = leases.holder("scores")
    assert held is not None
    assert held.seconds_left == 30
    assert held.seconds_beyond_term > HOUR
    assert client.ttl(KEY) > HOUR


def test_the_lease_of_a_longer_term_is_neither_taken_nor_cut(client: "Redis") -> None:
    holder = Leases(client, 60)
    lease = taken(holder)
    held = refused(Leases(client, 4))
    assert 55 < held.seconds_left <= 60
    assert held.seconds_beyond_term == 0
    assert client.ttl(KEY) > 55
    assert holder.renew(lease)


@pytest.mark.parametrize("term", [None, "", "0", "-1", "1e3", "0x10", "9" * 7, "9" * 30])
def test_a_lease_without_a_readable_term_is_cut_to_an_hour(leases: Leases, client: "Redis", term: str | None) -> None:
    """The release before this one writes no term, and has none of more than an hour."""
    client.hset(KEY, mapping={"token": "its", "run_id": "its run"})
    if term is not None:
        client.hset(KEY, "term_ms", term)
    client.expire(KEY, HOUR - 60)
    assert HOUR - 70 < refused(leases).seconds_left <= HOUR - 60
    assert HOUR - 70 < client.ttl(KEY) <= HOUR - 60
    client.expire(KEY, 2 * HOUR)
    held = refused(leases)
    assert (held.seconds_left, held.seconds_since_progress) == (HOUR, None)
    assert HOUR - 10 < client.ttl(KEY) <= HOUR


def test_a_lease_tells_how_long_ago_the_last_progress_was(leases: Leases, client: "Redis") -> None:
    lease = taken(leases)
    assert refused(leases).seconds_since_progress == 0
    wait_until(lambda: lease.idle_seconds >= 1)
    assert leases.renew(lease)  # which is no progress
    assert refused(leases).seconds_since_progress == 1
    client.expire(KEY, 20)  # ten seconds later
    assert refused(leases).seconds_since_progress == 11
    lease.note_progress()
    assert leases.renew(lease)
    assert refused(leases).seconds_since_progress == 0


@pytest.mark.parametrize("idle", ["", "-1", "soon", "1e3", "9" * 30])
def test_an_unreadable_time_without_progress_is_none(leases: Leases, client: "Redis", idle: str) -> None:
    taken(leases)
    client.hset(KEY, "idle_ms", idle)
    assert refused(leases).seconds_since_progress is None


def test_a_holder_without_progress_lets_its_lease_run_out(client: "Redis") -> None:
    brief = Leases(client, 0.3, stall_seconds=1)
    lease = taken(brief)
    with brief.kept(lease):
        wait_until(lambda: lease.idle_seconds > 0.8)
        assert client.hget(KEY, "token") == lease.token
        lease.note_progress()
        wait_until(lambda: lease.idle_seconds > 0.8)
        assert client.hget(KEY, "token") == lease.token
        wait_until(lambda: not client.exists(KEY))
        assert lease.idle_seconds > 1
        taken(brief)
        lease.note_progress()  # too late
        wait_until(lambda: lease.lost)


def test_a_holder_that_gets_on_in_time_keeps_its_lease(client: "Redis") -> None:
    brief = Leases(client, 3, stall_seconds=0)  # then it is two terms
    lease = taken(brief)
    with brief.kept(lease):
        wait_until(lambda: lease.idle_seconds > 6.5)
        left = client.pttl(KEY)
        lease.note_progress()
        wait_until(lambda: client.pttl(KEY) > left)
        assert not lease.lost
