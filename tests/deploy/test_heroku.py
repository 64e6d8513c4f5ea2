"""A host like Heroku: app.json and Procfile, run as they are there, beside a database and a Redis as it sells them."""

import re
import signal
import tomllib
from collections.abc import Iterator

import pytest
from jsonschema import validate

from tests.deploy.heroku import MANIFEST, PROCESSES, config_vars, dyno, one_off, release, web_dyno
from tests.deploy.tls_redis import TlsRedis
from tests.e2e.programs import PATIENCE, PROJECT, Environment
from tests.integration.meddling import locked_table, under_way, wait_until
from tests.world import World
from vettr_cron.config import Settings, load_settings

TEXT = {"type": "string", "minLength": 1}
# What the host's documentation says of app.json, as far as this one goes; it refuses what it does not know.
APP_JSON = {
    "type": "object",
    "additionalProperties": False,
    "properties": {
        **dict.fromkeys(("name", "description", "stack", "success_url"), TEXT),
        "keywords": {"type": "array", "items": TEXT},
        "buildpacks": {"type": "array", "items": {"type": "object", "required": ["url"]}},
        "addons": {
            "type": "array",
            "items": {
                "type": "object",
                "additionalProperties": False,
                "required": ["plan"],
                "properties": {"plan": {"type": "string", "pattern": "^[a-z-]+:[a-z0-9-]+$"}, "as": TEXT},
            },
        },
        "env": {
            "type": "object",
            "additionalProperties": {
                "type": "object",
                "additionalProperties": False,
                "required": ["description"],
                "properties": {"description": TEXT, "value": TEXT, "generator": {"const": "secret"}},
                "oneOf": [{"required": ["value"]}, {"required": ["generator"]}],
            },
        },
        "formation": {
            "type": "object",
            "additionalProperties": {
                "type": "object",
                "additionalProperties": False,
                "required": ["quantity", "size"],
                "properties": {"quantity": {"type": "integer", "minimum": 0}, "size": TEXT},
            },
        },
    },
}


@pytest.fixture(scope="module")
def redis() -> Iterator[TlsRedis]:
    with TlsRedis().running() as server:
        yield server


@pytest.fixture
def variables(postgres_url: str, redis: TlsRedis) -> Environment:
    """The configuration of an app whose database and Redis are still empty."""
    redis.flush()
    return config_vars(postgres_url.replace("postgresql://", "postgres://"), redis.url)


@pytest.fixture
def released(variables: Environment) -> Environment:
    done = release(variables)
    assert done.returncode == 0, done.stdout
    return variables


@pytest.fixture
def world(postgres_url: str, released: Environment) -> Iterator[World]:
    """A look into the released app's database, with some stocks in it."""
    world = World.make(postgres_url, "redis://127.0.0.1:1")
    world.generate(40)
    yield world
    world.close()


def ended_in_order(log: str, last_words: str) -> bool:
    """Whether the last words of a stopped process are there, and it needed no SIGKILL."""
    return last_words in log and "SIGKILL" not in log


def test_release_web_and_a_one_off_beside_it_work_together(world: World, released: Environment) -> None:
    secret = released["CRON_SECRET"]
    with web_dyno(released) as (running, web):
        assert web.call("/readyz").status == 200
        assert web.call("/v1/cron/status", secret="wrong").status == 401
        assert web.call("/v1/cron/scores?chunk_size=10&chunks=1", secret).body["data"]["stocks_processed"] == 10
        done = one_off("flask --app wsgi cron refresh-all --chunks all", released)
        assert done.returncode == 0, done.stdout
        status = web.call("/v1/cron/status", secret).body["data"]["jobs"]
        assert {job["last_completed_call"]["caller"] for job in status.values()} == {"command"}
        log = running.stop()
    assert ended_in_order(log, "Shutting down: Master")
    assert len(world.table("vetr_score_history")) == 40
    assert secret not in log


def test_a_stop_during_a_call_ends_the_call_in_order(world: World, released: Environment) -> None:
    with web_dyno(released) as (running, web):
        with locked_table(world, "vetr_score_history") as waited_for:
            path = "/v1/cron/refresh-all?chunks=all&chunk_size=10"
            call = under_way(lambda: web.call(path, released["CRON_SECRET"]))
            wait_until(waited_for, PATIENCE)
            running.process.send_signal(signal.SIGTERM)
            wait_until(lambda: "Handling signal: term" in running.written(), PATIENCE)
        scores = call.result(PATIENCE).body["data"]["scores"]
        log = running.stop()
    assert (scores["status"], scores["stop_reason"], scores["stocks_processed"]) == ("completed", "shutdown", 10)
    assert ended_in_order(log, "Shutting down: Master")
    assert [run["status"] for run in world.table("cron_job_runs")] == ["completed"]


def test_the_scheduler_process_makes_the_calls(world: World, released: Environment) -> None:
    with dyno("scheduler", released) as running:
        wait_until(lambda: "next call: " in running.written() or running.process.poll() is not None, PATIENCE)
        log = running.stop()
    assert ended_in_order(log, "next call: ")
    assert len(world.table("vetr_score_history")) == 40
    assert {call["status"] for call in world.table("cron_calls")} == {"completed"}


def test_the_worker_process_does_the_groups_of_a_one_off(world: World, released: Environment) -> None:
    with_workers = {**released, "CRON_ENGINE": "celery", "FLASK_CRON_WORKER_PROCESSES": "1"}
    with dyno("worker", with_workers) as running:
        wait_until(lambda: " ready." in running.written() or running.process.poll() is not None, PATIENCE)
        done = one_off("flask --app wsgi cron refresh-all --chunks all", with_workers)
        assert done.returncode == 0, done.stdout
        log = running.stop()
    assert ended_in_order(log, " ready.")
    assert len(world.table("vetr_score_history")) == 40


def test_the_package_lists_are_what_the_page_says() -> None:
    """The host installs requirements.txt alone, so the page has it replaced by the one with Celery."""
    page = (PROJECT / "docs" / "deploy" / "workers.md").read_text()
    assert "cp requirements-celery.txt requirements.txt" in page


def test_without_the_setting_for_it_the_certificate_is_refused_and_named(released: Environment) -> None:
    strict = {name: value for name, value in released.items() if name != "REDIS_SSL_CERT_REQS"}
    with web_dyno(strict) as (running, web):
        reply = web.call("/readyz")
        log = running.stop()
    assert (reply.status, list(reply.body["error"]["details"]["not_ready"])) == (503, ["redis"])
    assert re.search("CERTIFICATE_VERIFY_FAILED|certificate verify failed", log)


def test_app_json_is_as_the_host_wants_it() -> None:
    validate(MANIFEST, APP_JSON)
    assert MANIFEST["formation"].keys() <= PROCESSES.keys()


def test_app_json_sets_what_the_service_needs_and_knows() -> None:
    known = {name.upper() for name in Settings.model_fields} | {"WEB_CONCURRENCY"}
    assert MANIFEST["env"].keys() <= known
    given = {name.lower(): value for name, value in config_vars("postgres://u:p@h/d", "rediss://h").items()}
    settings = load_settings(**given)
    assert settings.app_env == "production"
    assert settings.schedule_of("scores") is not None
    assert settings.cron_chunks_per_call is None


def test_the_python_that_is_asked_for_is_one_that_the_service_allows() -> None:
    version = (PROJECT / ".python-version").read_text().strip()
    least = tomllib.loads((PROJECT / "pyproject.toml").read_text())["project"]["requires-python"].removeprefix(">=")
    assert re.fullmatch(r"3\.\d+", version)  # the newest patch of it
    assert [int(part) for part in version.split(".")] >= [int(part) for part in least.split(".")]


def test_the_page_sets_what_app_json_sets() -> None:
    page = (PROJECT / "docs" / "deploy" / "heroku.md").read_text()
    for name, given in MANIFEST["env"].items():
        assert f"{name}=" in page
        if "value" in given:
            assert re.search(rf"{name}=['\"]?{re.escape(given['value'])}", page), name
    for addon in MANIFEST["addons"]:
        assert addon["plan"] in page
