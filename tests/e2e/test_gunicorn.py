"""The web process as the Procfile starts it: several workers, simultaneous callers, raw bytes, an orderly stop."""

import signal
from collections.abc import Iterator

import pytest

from tests.e2e.web import Web, serving
from tests.integration.bare_stocks import add_stocks
from tests.integration.meddling import locked_table, under_way, wait_until
from tests.world import SECRET, World


@pytest.fixture
def world(migrated_postgres_url: str, redis_url: str) -> Iterator[World]:
    world = World.make(migrated_postgres_url, redis_url)
    yield world
    world.close()


def test_a_cycle_over_http_and_callers_who_meet(world: World) -> None:
    tickers = world.generate(250)
    with serving(world) as web:
        for done in (100, 100, 50):
            reply = web.call("/v1/cron/refresh-all", method="POST")
            assert reply.status == 200
            assert [reply.body["data"][key]["stocks_processed"] for key in ("scores", "red_flags")] == [done] * 2
        assert reply.body["data"]["scores"]["chunk_info"]["is_complete"]
        assert sorted(row["stock_ticker"] for row in world.table("vetr_score_history")) == tickers

        with locked_table(world, "vetr_score_history") as waited_for:
            first = under_way(lambda: web.call("/v1/cron/scores"))
            wait_until(waited_for)
            second = web.call("/v1/cron/scores")
            third = web.call("/v1/cron/scores?on_conflict=error")
            (run,) = web.call("/v1/cron/history?status=running").body["data"]["runs"]
        assert (second.status, second.body["data"]["status"]) == (200, "skipped")
        assert 1 <= int(second.headers["Retry-After"]) <= 30
        assert (third.status, third.body["error"]["code"]) == (409, "CONFLICT")
        assert first.result().body["data"]["stocks_processed"] == 100
        assert first.result().body["data"]["run_id"] == second.body["data"]["run_id"] == run["id"]

        assert_raw_bytes_do_no_harm(web)
        web.process.send_signal(signal.SIGTERM)
        output, _ = web.process.communicate(timeout=10)
        assert (web.process.returncode, output) == (0, "")
        assert {event["status"] for event in web.events() if event["event"] == "request"} >= {200, 401, 404, 405, 409}
        for secret in (SECRET, "guess"):
            assert secret not in web.log.read_text()


def assert_raw_bytes_do_no_harm(web: Web) -> None:
    for line, status in [
        (b"GET /v1/cron/status HTTP/1.1\r\nAuthorization: Bearer \xff\xfe\x80", b"401"),
        (b"GET //evil.example/%2e%2e HTTP/1.1", b"404"),
        (b"GET /healthz HTTP/1.1\r\nX-Request-Id: \xff\xfe", b"200"),
        (b"HEAD /v1/cron/scores HTTP/1.1\r\nAuthorization: Bearer " + SECRET.encode(), b"405"),
        (b"BREW /healthz HTTP/1.1", b"405"),
        (b"GET /" + b"x" * 9000 + b" HTTP/1.1", b"414"),
        (b"GET /healthz HTTP/1.1\r\nX-Long: " + b"x" * 9000, b"431"),
    ]:
        answer = web.send(line + b"\r\nHost: x\r\nConnection: close\r\n\r\n")
        assert answer.split(b" ", 2)[1] == status, answer
        assert b"location:" not in answer.lower()
    assert web.call("/v1/cron/status", secret="a wrong guess").status == 401
    assert web.call("/healthz").status == 200


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_stop_in_the_middle_saves_what_is_in_hand(world: World, number: signal.Signals) -> None:
    tickers = add_stocks(world, 1000)
    with serving(world, {"CRON_CHUNK_SIZE": "10", "CRON_CHUNKS_PER_CALL": "all"}) as web:
        with locked_table(world, "vetr_score_history") as waited_for:
            call = under_way(lambda: web.call("/v1/cron/scores"))
            wait_until(waited_for)
            web.process.send_signal(number)
        reply = call.result(timeout=10)
        assert web.process.wait(timeout=10) == 0
    result = reply.body["data"]
    assert (reply.status, result["status"], result["stop_reason"]) == (200, "completed", "shutdown")
    done = result["stocks_processed"]
    assert 10 <= done < 1000
    assert sorted(row["stock_ticker"] for row in world.table("vetr_score_history")) == tickers[:done]
    assert {run["status"] for run in world.table("cron_job_runs")} == {"completed"}
    assert world.redis.get("cron:scores:offset") == str(done)
    assert world.data("scores?chunk_size=1000")["stocks_processed"] == 1000 - done  # the lease is free


def test_a_request_is_one_line_in_the_log_without_its_query_string(world: World) -> None:
    with serving(world) as web:
        web.call("/v1/cron/status?token=hush-hush")
        web.call("/v1/cron/status")
        web.process.send_signal(signal.SIGTERM)
        web.process.communicate(timeout=10)  # the log is complete once the process has ended: a reply waits for no line
        lines = web.log.read_text().splitlines()
    assert sum("/v1/cron/status" in line for line in lines) == 2
    assert "hush" not in "".join(lines)
