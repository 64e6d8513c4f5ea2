"""GET /healthz and /readyz, open to everybody."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.integration.meddling import wait_until
from tests.integration.replies import data_of, error_of, seconds_until_retry
from tests.servers.redis_server import PrivateRedis
from tests.world import World

NO_REDIS = "redis://:hush-hush@127.0.0.1:1/0"
NO_DATABASE = "postgresql://somebody:hush-hush@127.0.0.1:1/none"


@pytest.fixture
def lonely_world() -> Iterator[World]:
    """A service whose servers are both gone."""
    world = World.make(NO_DATABASE, NO_REDIS)
    yield world
    world.close()


def not_ready(world: World) -> dict[str, str]:
    response = world.client.get("/readyz")
    error = error_of(response, 503, "SERVICE_UNAVAILABLE")
    seconds_until_retry(response)
    assert error["details"].keys() == {"not_ready"}
    problems: dict[str, str] = error["details"]["not_ready"]
    assert error["message"] == "; ".join(problems.values())
    assert "hush" not in response.get_data(as_text=True)
    return problems


def test_healthz_says_that_the_process_answers(sqlite_world: World) -> None:
    assert data_of(sqlite_world.client.get("/healthz")) == {"status": "ok"}


def test_healthz_answers_without_servers(lonely_world: World) -> None:
    assert data_of(lonely_world.client.get("/healthz")) == {"status": "ok"}


def test_readyz_says_that_both_servers_answer(world: World) -> None:
    assert data_of(world.client.get("/readyz")) == {"status": "ready"}


def test_readyz_names_both_servers_when_both_are_gone(lonely_world: World) -> None:
    assert not_ready(lonely_world) == {
        "database": "The database does not answer",
        "redis": "Redis does not answer",
    }


def test_readyz_names_redis_while_it_is_gone(migrated_sqlite_url: str, stoppable_redis: PrivateRedis) -> None:
    world = World.make(migrated_sqlite_url, stoppable_redis.url)
    data_of(world.client.get("/readyz"))
    stoppable_redis.stop()
    data_of(world.client.get("/readyz"))  # the answer of a moment ago
    wait_until(lambda: world.client.get("/readyz").status_code == 503)
    assert not_ready(world) == {"redis": "Redis does not answer"}
    stoppable_redis.start()
    wait_until(lambda: world.client.get("/readyz").status_code == 200)
    world.close()


def test_callers_share_one_check_and_its_answer_for_a_second(sqlite_world: World) -> None:
    before = sqlite_world.redis.info("commandstats")["cmdstat_ping"]["calls"]
    with ThreadPoolExecutor(20) as executor:
        found = list(executor.map(lambda _: sqlite_world.services.readiness.problems(), range(200)))
    assert found == [{}] * 200
    asked = sqlite_world.redis.info("commandstats")["cmdstat_ping"]["calls"] - before
    assert asked <= 2


def test_a_bug_in_a_check_is_everybodys_and_is_not_kept(sqlite_world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    readiness = sqlite_world.services.readiness
    monkeypatch.setattr(readiness, "_known_migrations", lambda: 1 / 0)
    for _ in range(2):
        with pytest.raises(ZeroDivisionError):
            readiness.problems()
    monkeypatch.undo()
    assert readiness.problems() == {}


def test_readyz_names_the_database_when_it_is_gone(redis_url: str) -> None:
    world = World.make(NO_DATABASE, redis_url)
    assert not_ready(world) == {"database": "The database does not answer"}
    world.close()


def test_readyz_wants_the_tables(database_url: str, redis_url: str) -> None:
    world = World.make(database_url, redis_url)
    (name, problem), *others = not_ready(world).items()
    assert (name, others) == ("database", [])
    assert "db upgrade`" in problem
    world.close()


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE cron_alembic_version SET version_num = '2026_11_23_tables'",
        "DELETE FROM cron_alembic_version",
        "DROP TABLE cron_alembic_version",
        "INSERT INTO cron_alembic_version VALUES ('another branch')",
    ],
)
def test_readyz_wants_the_newest_migration_of_this_release(world: World, statement: str) -> None:
    world.execute(statement)
    assert "db upgrade`" in not_ready(world)["database"]


def test_a_release_stays_ready_when_a_newer_one_has_migrated_the_database(world: World) -> None:
    world.execute("UPDATE cron_alembic_version SET version_num = '2099_01_01_next'")
    assert world.client.get("/readyz").status_code == 200
    assert world.data("scores")["status"] == "completed"
