"""A server that is away hides nothing but what it alone can tell."""

from contextlib import closing

from tests.integration.doctor.examinations import NAMES, OK, PROBLEM, examined, in_use
from tests.servers.postgres_server import PrivatePostgres
from tests.servers.redis_server import PrivateRedis
from tests.world import World

NO_REDIS = "redis://:hush-hush@127.0.0.1:1/0"
NO_DATABASE = "postgresql://somebody:hush-hush@127.0.0.1:1/none"


def test_without_servers_every_check_is_there(redis_url: str) -> None:
    with closing(World.make(NO_DATABASE, NO_REDIS)) as lonely:
        checks = examined(lonely)
    assert {name for name, check in checks.items() if check["state"] == PROBLEM} == {"database", "redis"}
    assert checks["database"]["found"] == "The database does not answer"
    assert "DATABASE_URL" in checks["database"]["mend"]
    assert checks["redis"]["found"] == "Redis does not answer"
    assert "REDIS_URL" in checks["redis"]["mend"]
    unchecked = {name for name, check in checks.items() if check["found"].startswith("Not checked: ")}
    assert unchecked == set(NAMES) - {"secret", "database", "redis", "schedule"}


def test_a_stopped_redis_leaves_what_the_database_tells(
    migrated_postgres_url: str, stoppable_redis: PrivateRedis
) -> None:
    with closing(World.make(migrated_postgres_url, stoppable_redis.url)) as world:
        in_use(world)
        stoppable_redis.stop()
        checks = examined(world)
    assert {name for name, check in checks.items() if check["state"] != OK} == {"redis", *NAMES[-2:]}
    assert "The database is" in checks["clock"]["found"]


def test_a_stopped_database_leaves_what_redis_tells(stoppable_postgres: PrivatePostgres, redis_url: str) -> None:
    url = stoppable_postgres.create_database()
    with closing(World.make(url, redis_url)) as world:
        stoppable_postgres.stop()
        checks = examined(world)
        stoppable_postgres.start()
    stoppable_postgres.drop_database(url)
    assert checks["database"]["state"] == PROBLEM
    assert (checks["redis"]["state"], checks["clock"]["state"]) == (OK, OK)
