"""What a host is told: that a call begins, and how it ended."""

import time

import pytest

from tests.integration.bare_stocks import add_stocks
from tests.integration.meddling import at_stock, refresh, wait_until
from tests.integration.ping_hosts import Recorder, recorder
from tests.integration.pings.worlds import NO_DATABASE, NO_REDIS, SCORES, MakeWorld
from tests.integration.replies import error_of
from tests.jobs import THE_TWO
from tests.world import World
from vettr_cron.domain.errors import ServiceUnavailable
from vettr_cron.domain.run import CallStatus, StopReason
from vettr_cron.redis_store.leases import Leases
from vettr_cron.services.clock import utc_now
from vettr_cron.services.refresh.request import Request


@pytest.mark.parametrize("job", list(THE_TWO))
def test_a_call_tells_that_it_begins_and_what_it_did(make_world: MakeWorld, host: Recorder, job: str) -> None:
    urls = {f"cron_ping_url_{each.key}": host.url if name == job else None for name, each in THE_TWO.items()}
    world = make_world(**urls)
    add_stocks(world, 12, unscorable=1, unflaggable=1)
    result = world.data(f"{job}?chunks=all&chunk_size=5")
    start, success = host.pings
    assert host.paths() == ["/start", ""]
    assert {ping.method for ping in host.pings} == {"POST"}
    assert start.rid == success.rid
    assert start.body == f"refresh-{job} begins"
    assert success.body == f"refresh-{job}: 12 stocks, 1 failed, cycle complete, run {result['run_id']}"


def test_with_a_schedule_the_end_tells_when_the_next_call_is_expected(make_world: MakeWorld, host: Recorder) -> None:
    world = make_world(cron_ping_url_scores=host.url, cron_schedule="0 0 1 1 *")
    add_stocks(world, 10, unscorable=6)
    world.call("scores")
    world.execute("UPDATE stocks SET price = 1")
    world.data("scores")
    next_year = f"next call expected at {utc_now().year + 1}-01-01T00:00:00.000Z"
    assert [ping.body.splitlines()[-1] for ping in host.pings[1::2]] == [next_year] * 2


def test_each_call_has_an_id_of_its_own(world: World, host: Recorder) -> None:
    add_stocks(world, 4)
    for _ in range(2):
        world.data("scores?chunk_size=2")
    assert host.paths() == ["/start", "", "/start", ""]
    assert len({ping.rid for ping in host.pings}) == 2


def test_each_job_of_refresh_all_tells_its_own_address(make_world: MakeWorld, host: Recorder) -> None:
    with recorder() as other:
        world = make_world(cron_ping_url_red_flags=other.url)
        add_stocks(world, 10, unscorable=6)
        error_of(world.call("refresh-all"), 500, "JOB_FAILED")
        assert (host.paths(), other.paths()) == (["/start", "/fail"], ["/start", ""])
        assert [ping.body.partition(":")[0] for ping in (host.pings[1], other.pings[1])] == [
            "refresh-scores",
            "refresh-red-flags",
        ]


def test_the_start_is_told_while_the_call_is_under_way(world: World, host: Recorder) -> None:
    add_stocks(world, 3)
    refresh(world, at_stock(SCORES, 1, lambda: host.wait_for(1)))
    assert host.paths() == ["/start", ""]


def test_an_address_keeps_its_own_parameters(make_world: MakeWorld) -> None:
    with recorder(query="/?create=1") as host:
        world = make_world(cron_ping_url_scores=host.url)
        add_stocks(world, 1)
        world.data("scores")
        assert [ping.path.rpartition("/ping")[2] for ping in host.pings] == ["/hush-hush/start", "/hush-hush"]
        assert [list(ping.query) for ping in host.pings] == [["create", "rid"]] * 2


def test_too_many_failed_stocks_are_a_failure_with_the_reason(world: World, host: Recorder) -> None:
    add_stocks(world, 10, unscorable=6)
    details = error_of(world.call("scores"), 500, "JOB_FAILED")["details"]
    assert host.paths() == ["/start", "/fail"]
    assert host.pings[0].rid == host.pings[1].rid
    assert host.pings[1].body == (
        f"refresh-scores: 10 stocks, 6 failed, cycle complete, run {details['run_id']}\n"
        "6 of 10 stocks failed; 50 % are tolerated"
    )


@pytest.mark.parametrize(
    ("gone", "said"),
    [
        ({"redis_url": NO_REDIS}, "Redis does not answer"),
        ({"database_url": NO_DATABASE}, "The database does not answer"),
    ],
)
@pytest.mark.parametrize("path", ["scores", "scores?chunks=all"])
def test_a_server_that_is_gone_is_a_failure_and_still_a_503(
    make_world: MakeWorld, host: Recorder, gone: dict[str, str], said: str, path: str
) -> None:
    add_stocks(make_world(), 1)
    message = error_of(make_world(**gone).call(path), 503, "SERVICE_UNAVAILABLE")["message"]
    assert said in message
    assert host.paths() == ["/fail"]
    assert host.pings[0].body == f"refresh-scores: {message}"


def test_a_call_that_is_superseded_is_a_failure(world: World, host: Recorder) -> None:
    add_stocks(world, 5)

    def lose_the_lease() -> None:
        world.redis.delete("cron:scores:lease")
        Leases(world.redis, 30).acquire("scores")

    result = refresh(world, at_stock(SCORES, 3, lose_the_lease))
    assert result.stop_reason is StopReason.SUPERSEDED
    assert host.paths() == ["/start", "/fail"]
    assert host.pings[1].body.endswith("\nthe lease was lost; another caller goes on")


def test_a_bug_is_a_failure_without_internals_and_is_raised(world: World, host: Recorder) -> None:
    add_stocks(world, 1)

    def broken(_done: int, _total: int) -> None:
        raise RuntimeError("SELECT password FROM users")

    with pytest.raises(RuntimeError, match="SELECT password"):
        world.services.refresh.run(SCORES, Request(chunk_size=1, chunks=1, time_budget=None), broken)
    assert host.paths() == ["/fail"]
    assert host.pings[0].body == "refresh-scores: unexpected RuntimeError; the log has the details"


def test_a_long_reason_is_cut_to_10_kilobytes(world: World, host: Recorder) -> None:
    add_stocks(world, 1)

    def talkative(_done: int, _total: int) -> None:
        raise ServiceUnavailable("ä" * 20_000)

    with pytest.raises(ServiceUnavailable):
        world.services.refresh.run(SCORES, Request(chunk_size=1, chunks=1, time_budget=None), talkative)
    (ping,) = host.pings
    assert 9_990 <= len(ping.body.encode()) <= 10_000


@pytest.mark.parametrize(
    ("query", "said"), [("&reason=prices%20are%20reloaded", "prices are reloaded"), ("", "no reason")]
)
def test_a_pause_between_start_and_first_chunk_ends_what_was_started(
    world: World, host: Recorder, query: str, said: str
) -> None:
    add_stocks(world, 2)

    def pause(*_: int) -> None:
        world.data(f"pause?job=scores{query}", method="POST")

    result = world.services.refresh.run(SCORES, Request(chunk_size=1, chunks=1, time_budget=None), pause)
    assert (result.status, result.stop_reason) == (CallStatus.SKIPPED, StopReason.PAUSED)
    assert host.paths() == ["/start", ""]
    assert host.pings[0].rid == host.pings[1].rid
    assert host.pings[1].body == f"refresh-scores: paused: {said}"


def test_a_pause_between_two_chunks_is_a_success(world: World, host: Recorder) -> None:
    add_stocks(world, 4)
    refresh(world, at_stock(SCORES, 1, lambda: world.data("pause", method="POST")), chunk_size=2, chunks=None)
    assert host.paths() == ["/start", ""]
    assert host.pings[1].body.startswith("refresh-scores: 2 stocks, 0 failed, paused, run ")


def test_a_spent_budget_after_a_chunk_is_a_success(world: World, host: Recorder) -> None:
    add_stocks(world, 4)
    ends = time.monotonic() + 0.5

    def spend(done: int, _total: int) -> None:
        wait_until(lambda: done < 2 or time.monotonic() > ends)

    result = world.services.refresh.run(SCORES, Request(chunk_size=2, chunks=None, time_budget=0.5), spend)
    assert result.stop_reason is StopReason.TIME_BUDGET
    assert host.paths() == ["/start", ""]
    assert host.pings[1].body.startswith("refresh-scores: 2 stocks, 0 failed, time budget, run ")


def test_a_run_of_no_stocks_at_all_is_a_success(world: World, host: Recorder) -> None:
    result = world.data("scores")
    assert host.paths() == ["/start", ""]
    assert host.pings[1].body == f"refresh-scores: 0 stocks, 0 failed, cycle complete, run {result['run_id']}"
