"""Nothing that others wrote, or somebody typed, acts on the terminal: not in tables, errors, progress, JSON or log."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pytest

from tests.e2e.programs import PATIENCE, environment, finished, flask, flask_each, free_port, gunicorn, started
from tests.e2e.web import Web
from tests.integration.meddling import wait_until
from tests.world import SECRET, World

HOSTILE = "\x1b]0;owned\x07\x1b[2J\x9b31m\u202e\u2066\x7f\rFAKE\nFAKE LINE"
ACTS = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u202e\u2066]|^FAKE", re.MULTILINE)
READING = (
    *("status", "history", "coverage", "failures", "overview", "doctor"),
    *("coverage --job scores --stocks fresh", "scores --dry-run", "cleanup --dry-run"),
)


@pytest.fixture
def world(migrated_url: str, redis_url: str) -> Iterator[World]:
    """A universe in which every text that others may write is hostile, and one stock fails."""
    world = World.make(migrated_url, redis_url)
    first, second, *_ = world.generate(12)
    world.execute("UPDATE stocks SET name = :hostile", hostile=HOSTILE)
    world.execute("UPDATE stocks SET ticker = :odd WHERE ticker = :first", odd="0\x1b[3m\x9b\u202e\nFAKE", first=first)
    world.execute("UPDATE stocks SET price = :infinity WHERE ticker = :second", infinity=float("inf"), second=second)
    world.data("refresh-all?chunks=all")
    row = {"job_name": HOSTILE[:50], "status": HOSTILE[:20], "error_message": HOSTILE}
    world.add("cron_job_runs", row)
    world.execute("UPDATE cron_stock_states SET last_error = :hostile WHERE consecutive_failures > 0", hostile=HOSTILE)
    world.data("pause", method="POST", query_string={"reason": HOSTILE})
    yield world
    world.close()


def assert_harmless(*texts: str) -> None:
    for text in texts:
        assert not ACTS.search(text), ascii(text)


@pytest.mark.parametrize(("app_env", "as_json"), [("development", False), ("production", True)])
def test_what_others_wrote_does_not_act(world: World, app_env: str, as_json: bool) -> None:
    commands = [words.split() for words in (*READING, "scores", "resume", "refresh-all --chunks all")]
    if as_json:
        commands = [[*words, "--json"] for words in commands if words[0] != "overview"]
    for done in flask_each([["cron", *words] for words in commands], environment(world, APP_ENV=app_env)):
        assert done.returncode in (0, 1, 75), done.stderr
        assert done.stdout
        assert_harmless(done.stdout, done.stderr)
        if as_json:
            json.loads(done.stdout)


def test_a_mistyped_word_does_not_act_in_the_error(world: World) -> None:
    commands = [
        ["cron", "scores", "--tickers", f"NO{HOSTILE}NE"],
        ["cron", "scores", "--tickers", f"NO{HOSTILE}NE", "--json"],
        ["cron", "scores", "--chunks", HOSTILE],
        ["cron", "scores", f"--{HOSTILE}"],
        ["cron", "scores", HOSTILE],
        ["cron", HOSTILE],
        ["cron", "run", HOSTILE],
        ["cron", "history", "--job", HOSTILE],
        ["cron", "pause", "--reason", HOSTILE],
        ["stocks", "import", HOSTILE],
        ["stocks", f"--{HOSTILE}"],
        ["db", HOSTILE],
        ["db", "upgrade", "head", HOSTILE],
        ["db", "upgrade", HOSTILE],
    ]
    for done in flask_each(commands, environment(world)):
        assert done.stdout or done.stderr
        assert_harmless(done.stdout, done.stderr)
        assert "Traceback" not in done.stderr


def test_a_folder_with_hostile_names_and_fields_is_refused_line_by_line(world: World, tmp_path: Path) -> None:
    name = HOSTILE.replace("/", "")
    (tmp_path / f"{name}.csv").write_text("x")
    (tmp_path / "stocks.csv").write_text(f'ticker,name,exchange,sector,"{HOSTILE}"\n', newline="")
    done = finished(flask("stocks", "import", str(tmp_path)), environment(world))
    assert done.returncode == 1
    assert_harmless(done.stdout, done.stderr)
    assert len(done.stderr.splitlines()) == 3  # two problems, and how many there are
    assert "2 problems; nothing was written" in done.stderr


@pytest.mark.parametrize("app_env", ["production", "development"])
def test_a_path_that_somebody_asks_for_does_not_act_in_the_log(world: World, tmp_path: Path, app_env: str) -> None:
    port, log = free_port(), tmp_path / "log"
    own = {"BIND_HOST": "127.0.0.1", "PORT": str(port), "WEB_CONCURRENCY": "1", "APP_ENV": app_env}
    with log.open("w") as file, started(gunicorn(), environment(world, **own), stderr=file.fileno()) as process:
        web = Web(process, port, log)
        wait_until(web.answers, PATIENCE)
        assert web.call(f"/{quote(HOSTILE)}", secret=SECRET).status == 404
        wait_until(lambda: "owned" in log.read_text())
    assert_harmless(log.read_text())
