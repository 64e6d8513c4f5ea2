"""The commands as whole processes: exit status, output in a pipe and on a terminal, signals, a wrong environment."""

import json
import os
import pty
import re
import signal
import sys
import termios
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.programs import PATIENCE, environment, finished, flask, gunicorn, started
from tests.integration.bare_stocks import add_stocks
from tests.integration.csv_imports import write_folder
from tests.integration.meddling import locked_table, wait_until
from tests.integration.replies import JOB_RESULT_KEYS
from tests.world import SECRET, World
from vettr_cron.jobs import JOBS
from vettr_cron.redis_store.leases import Leases


@pytest.fixture
def sqlite_world(migrated_sqlite_url: str, redis_url: str) -> Iterator[World]:
    world = World.make(migrated_sqlite_url, redis_url)
    yield world
    world.close()


@pytest.fixture
def postgres_world(migrated_postgres_url: str, redis_url: str) -> Iterator[World]:
    world = World.make(migrated_postgres_url, redis_url)
    yield world
    world.close()


def test_standard_output_is_json_and_standard_error_the_log(sqlite_world: World) -> None:
    sqlite_world.generate(5)
    done = finished(flask("cron", "refresh-all", "--chunks", "all", "--json"), environment(sqlite_world))
    assert done.returncode == 0, done.stderr
    data = json.loads(done.stdout)
    assert data.keys() >= sqlite_world.data("refresh-all").keys()
    assert data["scores"].keys() == data["red_flags"].keys() == JOB_RESULT_KEYS
    assert data["scores"]["succeeded"] == data["red_flags"]["succeeded"] == 5
    events = [json.loads(line) for line in done.stderr.splitlines()]
    assert [event["status"] for event in events if event["event"] == "run"] == ["completed"] * len(JOBS)
    assert SECRET not in done.stderr


def test_a_pipe_gets_plain_lines_and_a_failure_is_status_1(sqlite_world: World) -> None:
    add_stocks(sqlite_world, 10, unscorable=6)
    done = finished(flask("cron", "scores"), environment(sqlite_world))
    assert done.returncode == 1
    assert re.fullmatch(r"[ -~\n]+", done.stdout)  # no colours, no cursor movements
    assert "refresh-scores: 6 of 10 stocks failed; 50 % are tolerated" in done.stdout
    assert "Traceback" not in done.stderr


def test_who_stops_reading_is_told_that_the_work_was_done(sqlite_world: World, tmp_path: Path) -> None:
    sqlite_world.generate(30)
    folder = write_folder(tmp_path, {"stocks": "ticker,name,exchange,sector\nAAA,Alpha,NYSE,Gold\n"})
    for words in (
        ["cron", "scores", "--chunk-size", "3", "--chunks", "all"],
        ["cron", "red-flags", "--json"],
        ["stocks", "import", str(folder)],
    ):
        reader, writer = os.pipe()
        os.close(reader)
        with started(flask(*words), environment(sqlite_world), stdout=writer) as process:
            os.close(writer)
            assert process.wait(PATIENCE) == 0
            assert "Broken" not in str(process.stderr and process.stderr.read())
    assert len(sqlite_world.table("vetr_score_history")) == 30
    assert "AAA" in sqlite_world.tickers()


def test_the_table_of_named_stocks_tells_no_place_in_the_cycle(sqlite_world: World) -> None:
    tickers = sqlite_world.generate(5)
    for words in (["scores"], ["refresh-all"]):
        done = finished(flask("cron", *words, "--tickers", tickers[3]), environment(sqlite_world))
        table = done.stdout[done.stdout.index("job ") :].splitlines()
        assert table[0].split()[-1] == "stocks/s"
        assert " of 5" not in done.stdout
    done = finished(flask("cron", "scores", "--chunk-size", "2"), environment(sqlite_world))
    assert done.stdout.splitlines()[-1].endswith("2 of 5")


def test_who_does_not_hold_the_lease_is_skipped_with_status_75(sqlite_world: World) -> None:
    Leases(sqlite_world.redis, 30).acquire("scores")
    done = finished(flask("cron", "scores", "--json"), environment(sqlite_world))
    assert done.returncode == 75
    assert json.loads(done.stdout)["status"] == "skipped"


def test_wrong_usage_is_status_2_and_touches_no_server() -> None:
    nowhere = {"APP_ENV": "test", "DATABASE_URL": "sqlite:////nowhere/x.db", "REDIS_URL": "redis://127.0.0.1:1"}
    done = finished(flask("cron", "scores", "--chunk-size", "0"), nowhere)
    assert (done.returncode, done.stdout) == (2, "")
    assert "Usage:" in done.stderr


def test_a_terminal_gets_a_bar_with_rate_and_time_left_and_then_a_table(sqlite_world: World) -> None:
    sqlite_world.generate(1200)
    master, slave = pty.openpty()
    termios.tcsetwinsize(slave, (24, 80))
    with started(
        flask("cron", "refresh-all", "--chunks", "all"),
        environment(sqlite_world, TERM="xterm"),
        stdin=slave,
        stdout=slave,
        stderr=slave,
    ) as process:
        os.close(slave)
        shown = read_to_the_end(master)
        assert process.wait(PATIENCE) == 0, shown
    os.close(master)
    for name in ("refresh-scores", "refresh-red-flags"):
        assert re.search(rf"{name} +\[#*-+\] +0/1200", shown)
        assert re.search(rf"{name} +\[#+-+\] +\d+/1200 +[\d,]+ stocks/s, \d+:\d\d left", shown)
        assert re.search(rf"{name} +\[#+\] +1200/1200 +[\d,]+ stocks/s, 0:00 left[^ -~]*\x1b\[\?25h\r+\n", shown)
    assert all(len(line) <= 80 for line in re.split(r"[\r\n]|\x1b\[\?25[lh]", shown) if "[" in line)
    table = [line.split()[:4] for line in shown.splitlines()[-len(JOBS) :]]
    assert table == [[job.run_name, "completed", "cycle_complete", "1200"] for job in JOBS.values()]
    assert '"event"' not in shown  # the log leaves the terminal to the bar


def read_to_the_end(terminal: int) -> str:
    shown = b""
    try:
        while piece := os.read(terminal, 65_536):
            shown += piece
    except OSError:  # Linux says so when the last program has left the terminal
        pass
    return shown.decode()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_signal_in_the_middle_of_a_cycle_saves_what_is_in_hand(postgres_world: World, number: signal.Signals) -> None:
    tickers = add_stocks(postgres_world, 40)
    with started(
        flask("cron", "scores", "--chunk-size", "10", "--chunks", "all", "--json"), environment(postgres_world)
    ) as process:
        with locked_table(postgres_world, "vetr_score_history") as waited_for:
            wait_until(waited_for, PATIENCE)
            process.send_signal(number)
        output, log = process.communicate(timeout=10)
    assert process.returncode == 0, log
    result = json.loads(output)
    assert (result["status"], result["stop_reason"], result["stocks_processed"]) == ("completed", "shutdown", 10)
    assert [row["stock_ticker"] for row in postgres_world.table("vetr_score_history")] == tickers[:10]
    assert [run["status"] for run in postgres_world.table("cron_job_runs")] == ["completed"]
    assert postgres_world.redis.get("cron:scores:offset") == "10"
    assert postgres_world.data("scores?chunks=all")["stocks_processed"] == 30  # the lease is free, the rest is left


@pytest.mark.parametrize(
    "command",
    [flask("cron", "scores"), gunicorn(), [sys.executable, "-c", "import wsgi"]],
    ids=["flask", "gunicorn", "import"],
)
def test_production_does_not_start_without_what_it_needs(command: list[str]) -> None:
    done = finished(command, {"DATABASE_URL": "postgresql://user:hush-hush@127.0.0.1:1/none", "PORT": "0"})
    assert done.returncode != 0
    assert "CRON_SECRET, REDIS_URL must be set in production" in done.stderr
    assert "Traceback" not in done.stdout + done.stderr
    assert "hush" not in done.stdout + done.stderr


@pytest.mark.parametrize("url", ["postgresql://nobody@127.0.0.1:1/none", "sqlite:////nowhere/vettr.db"])
@pytest.mark.parametrize("words", [["upgrade"], ["current"]])
def test_migrations_without_their_database_say_so_in_a_sentence(url: str, words: list[str]) -> None:
    variables = {"APP_ENV": "production", "CRON_SECRET": SECRET, "REDIS_URL": "redis://127.0.0.1:1"}
    done = finished(flask("db", *words), {**variables, "DATABASE_URL": url})
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].startswith("Error: The database ")
    assert "Traceback" not in done.stdout + done.stderr


@pytest.mark.parametrize(("name", "text"), [("WEB_CONCURRENCY", "0"), ("PORT", "65536")])
def test_the_web_server_does_not_start_with_what_it_cannot_do(name: str, text: str) -> None:
    done = finished(gunicorn(), {"APP_ENV": "development", "PORT": "0", name: text})
    assert done.returncode != 0
    assert done.stderr.startswith(
        f"vettr-cron cannot start:\n{name}: '{text}' cannot be read; it may hold a whole number"
    )
    assert "Traceback" not in done.stdout + done.stderr


def test_work_goes_on_when_the_output_is_closed(sqlite_world: World) -> None:
    sqlite_world.generate(60)
    command = flask("cron", "refresh-all", "--chunks", "all", "--chunk-size", "10")
    with started(command, environment(sqlite_world)) as process:
        assert process.stdout is not None
        process.stdout.close()
        process.wait(PATIENCE)
    runs = sqlite_world.table("cron_job_runs")
    assert [run["status"] for run in runs] == ["completed"] * 6 * len(JOBS)
    assert len(sqlite_world.table("red_flag_history")) == 5 * 60
