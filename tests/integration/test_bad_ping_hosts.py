"""Whatever a pinged host does, the call comes to the same, keeps its address to itself, and loses a second at most."""

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any

import pytest
from pydantic import SecretStr

from tests.e2e.programs import free_port
from tests.integration.bare_stocks import add_stocks
from tests.integration.failing import within
from tests.integration.meddling import at_stock, refresh, wait_until
from tests.integration.ping_hosts import (
    CAPABILITY,
    Behaviour,
    bad_host,
    drips,
    hangs_up,
    recorder,
    says_nothing,
    talks_garbage,
)
from tests.integration.replies import error_of
from tests.jobs import THE_TWO
from tests.world import World
from vettr_cron.domain.run import CallStatus
from vettr_cron.logs import configure_logs
from vettr_cron.pings import Pings

MakeWorld = Callable[..., World]

SLACK = 0.7  # what a call of a few stocks takes, on a busy machine
LATE = "not delivered in time"
OF_CHANCE = {"duration_ms", "completed_at", "run_id", "cycle_id"}


@pytest.fixture
def make_world(migrated_sqlite_url: str, redis_url: str) -> Iterator[MakeWorld]:
    """Makes services on the same servers; `values` are settings."""
    worlds = []

    def make(**values: object) -> World:
        worlds.append(World.make(migrated_sqlite_url, redis_url, **values))
        configure_logs(readable=False)
        return worlds[-1]

    yield make
    for world in worlds:
        world.close()


def nobody_listens() -> str:
    return f"http://127.0.0.1:{free_port()}/{CAPABILITY}"


HOSTS: dict[str, tuple[Callable[[], AbstractContextManager[str]], str]] = {
    "says nothing": (lambda: bad_host(says_nothing), LATE),
    "says nothing in TLS": (lambda: bad_host(says_nothing, "https"), LATE),
    "drips": (lambda: bad_host(drips), LATE),
    "talks garbage": (lambda: bad_host(talks_garbage), "the reply is not HTTP"),
    "talks garbage in TLS": (lambda: bad_host(talks_garbage, "https"), "no TLS with the host: "),
    "hangs up": (lambda: bad_host(hangs_up), "the reply is not HTTP"),
    "is not there": (lambda: nullcontext(nobody_listens()), "Connection refused"),
    # The name server may take its time as well.
    "has no address": (lambda: nullcontext(f"http://no-such-host.invalid/{CAPABILITY}"), ""),
}


def comparable(result: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in result.items() if key not in OF_CHANCE}


def assert_lost_in_silence(log: str, lost: dict[str, str]) -> None:
    """The log tells of these lost pings, each with the reason, and of nobody's address."""
    assert CAPABILITY not in log
    assert "http" not in log
    events = [json.loads(line) for line in log.splitlines()]
    warnings = [event for event in events if event["event"] == "ping_lost"]
    assert [(event["level"], event["job"], event["ping"]) for event in warnings] == [
        ("warning", "refresh-scores", kind) for kind in lost
    ]
    for event, reason in zip(warnings, lost.values(), strict=True):
        assert reason in event["reason"]


@pytest.mark.timed
@pytest.mark.parametrize("name", list(HOSTS))
def test_a_bad_host_costs_a_second_at_most(
    make_world: MakeWorld, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    make_host, reason = HOSTS[name]
    quiet = make_world()
    add_stocks(quiet, 12, unscorable=1)
    expected = comparable(quiet.data("scores"))
    with make_host() as url:
        world = make_world(cron_ping_url_scores=url)
        capsys.readouterr()
        with within(1 + SLACK):
            result = world.data("scores")
    assert comparable(result) == expected
    assert len(world.table("vetr_score_history")) == 2 * 11
    assert_lost_in_silence(capsys.readouterr().err, {"start": reason, "success": reason})


@pytest.mark.timed
def test_a_call_that_fails_loses_no_more(make_world: MakeWorld, capsys: pytest.CaptureFixture[str]) -> None:
    with bad_host(says_nothing) as url:
        world = make_world(cron_ping_url_scores=url)
        add_stocks(world, 10, unscorable=6)
        capsys.readouterr()
        with within(1 + SLACK):
            response = world.call("scores")
    assert_lost_in_silence(capsys.readouterr().err, {"start": LATE, "fail": LATE})
    assert "6 of 10 stocks failed" in error_of(response, 500, "JOB_FAILED")["message"]
    assert CAPABILITY not in response.get_data(as_text=True)


@pytest.mark.parametrize("status", [500, 404, 302])
def test_a_reply_that_is_no_success_is_told_and_no_redirection_followed(
    make_world: MakeWorld, capsys: pytest.CaptureFixture[str], status: int
) -> None:
    with recorder(status) as host:
        world = make_world(cron_ping_url_scores=host.url)
        add_stocks(world, 2)
        capsys.readouterr()
        assert world.data("scores")["succeeded"] == 2
        assert host.paths() == ["/start", ""]
    reason = f"the reply has status {status}"
    assert_lost_in_silence(capsys.readouterr().err, {"start": reason, "success": reason})


@pytest.mark.parametrize("behaviour", [says_nothing, drips])
def test_a_start_that_is_lost_holds_up_no_end(
    make_world: MakeWorld, capsys: pytest.CaptureFixture[str], behaviour: Behaviour
) -> None:
    with recorder(at_start=behaviour) as host:
        world = make_world(cron_ping_url_scores=host.url)
        add_stocks(world, 2)
        capsys.readouterr()
        result = refresh(world, at_stock(THE_TWO["scores"], 2, lambda: wait_until(lambda: host.left)))
        assert result.status is CallStatus.COMPLETED
        assert host.paths() == ["/start", ""]
    assert_lost_in_silence(capsys.readouterr().err, {"start": LATE})


@pytest.mark.timed
def test_a_process_that_has_to_end_waits_no_longer(capsys: pytest.CaptureFixture[str]) -> None:
    with bad_host(says_nothing) as url:
        pings = Pings({"refresh-scores": SecretStr(url)}, shutdown_ends=time.monotonic)
        with within(0.5), pings.call("refresh-scores") as call:
            call.start()
    assert LATE in capsys.readouterr().err


@contextmanager
def no_more_threads() -> Iterator[None]:
    """Let no thread begin: each would need a larger stack than there are addresses."""
    before = threading.stack_size(1 << 47)
    try:
        yield
    finally:
        threading.stack_size(before)


def test_a_process_without_a_spare_thread_loses_only_its_pings(
    capsys: pytest.CaptureFixture[str],
) -> None:
    configure_logs(readable=False)
    with recorder() as host:
        pings = Pings({"refresh-scores": SecretStr(host.url)}, shutdown_ends=lambda: None)
        with no_more_threads(), pings.call("refresh-scores") as call:
            call.start()
            call.fail(RuntimeError())
        reason = "there is no thread to send it"
        assert_lost_in_silence(capsys.readouterr().err, {"start": reason, "fail": reason})
        with pings.call("refresh-scores") as call:
            call.start()
        assert host.paths() == ["/start"]
