"""`cron doctor`: each check finds what is wrong for real, says how to mend it, and hides no other check."""

import json
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import psycopg
import pytest
from sqlalchemy.engine import make_url

from tests.integration.bare_stocks import add_stocks, everything
from tests.integration.broken_service import replace_services
from tests.integration.test_commands import DONE, FAILED, run
from tests.servers.postgres_server import PrivatePostgres
from tests.servers.redis_server import PrivateRedis
from tests.world import World, migrate_database
from vettr_cron.app import create_app
from vettr_cron.config import load_settings
from vettr_cron.redis_store.embedded import embedded_redis_client
from vettr_cron.services.clock import utc_now

OK, WARNING, PROBLEM = "ok", "warning", "problem"
NAMES = [
    *("secret", "database", "migration", "redis", "connections", "clock", "universe"),
    *("schedule-scores", "schedule-red-flags"),
]
NO_REDIS = "redis://:hush-hush@127.0.0.1:1/0"
NO_DATABASE = "postgresql://somebody:hush-hush@127.0.0.1:1/none"
GOOD_SECRET = "hush-hush-72d1f0a4be"

Found = Mapping[str, str]


def examined(world: World) -> dict[str, Found]:
    """The checks by their names; whatever they find, they are all there, and nothing is told that is a secret."""
    result = run(world, "cron", "doctor", "--json")
    assert result.stderr == ""
    for word in ("hush", " FROM ", "Traceback", "psycopg", "sqlalchemy"):
        assert word not in result.stdout
    diagnosis = json.loads(result.stdout)
    checks = {check["name"]: check for check in diagnosis["checks"]}
    assert list(checks) == NAMES
    for check in checks.values():
        assert check.keys() == {"name", "state", "found", "mend"}
        assert (check["mend"] is None) == (check["state"] == OK)
    assert diagnosis["ok"] == (PROBLEM not in {check["state"] for check in checks.values()})
    assert result.exit_code == (DONE if diagnosis["ok"] else FAILED)
    return checks


def assert_found(world: World, name: str, state: str, found: str, mend: str) -> None:
    """This check alone is not ok, and says these words."""
    checks = examined(world)
    assert {name: checks[name]["state"]} == {key: check["state"] for key, check in checks.items() if check["mend"]}
    assert (checks[name]["state"], found in checks[name]["found"], mend in checks[name]["mend"]) == (
        state,
        True,
        True,
    ), checks[name]


def in_use(world: World) -> World:
    """The same service once it has stocks and was called."""
    add_stocks(world, 3)
    world.data("refresh-all")
    return world


@pytest.fixture
def healthy(sqlite_world: World) -> World:
    return in_use(sqlite_world)


@pytest.fixture
def healthy_on_postgres(postgres_world: World) -> World:
    return in_use(postgres_world)


def on_settings(world: World, **values: Any) -> World:
    """The same service with other settings."""
    known: dict[str, Any] = {"app_env": "test", "cron_secret": GOOD_SECRET}
    servers = {"database_url": world.database_url, "redis_url": world.redis_url}
    return replace(world, app=create_app(load_settings(**servers, **known | values)))


# All is well


def test_a_service_that_is_in_use_has_nothing_wrong(world: World) -> None:
    in_use(world)
    before = everything(world)
    assert {check["state"] for check in examined(world).values()} == {OK}
    assert everything(world) == before


def test_the_embedded_redis_is_fine(healthy: World, embedded_folder: Path) -> None:
    with closing(embedded_redis_client(embedded_folder, decode_responses=True)) as client:
        replace_services(healthy, doctor=replace(healthy.services.doctor, redis=client))
        assert {check["state"] for check in examined(healthy).values()} == {OK}


def test_plain_output_has_the_remedy_below_the_check_and_a_sum_at_the_end(healthy: World) -> None:
    lines = run(healthy, "cron", "doctor").stdout.splitlines()
    assert [line.split()[:2] for line in lines[:-1]] == [[name, OK] for name in NAMES]
    assert lines[-1] == "no problems, no warnings."
    run(healthy, "cron", "pause", "--job", "scores", "--reason", "two\nlines")
    healthy.execute("DELETE FROM cron_alembic_version")
    result = run(healthy, "cron", "doctor")
    assert result.exit_code == FAILED
    lines = result.stdout.splitlines()
    column = lines[0].index("CRON_SECRET is set")
    place = next(number for number, line in enumerate(lines) if line.startswith("migration"))
    assert lines[place][:column].split() == ["migration", PROBLEM]
    assert lines[place + 1] == " " * column + "Run `flask --app wsgi db upgrade`."
    assert any(line[column:] == "Paused: two lines" for line in lines)
    assert (len(lines), lines[-1]) == (len(NAMES) + 3, "1 problem, 1 warning.")


# What is away hides nothing else


def test_without_servers_every_check_is_there(redis_url: str) -> None:
    with closing(World.make(NO_DATABASE, NO_REDIS)) as lonely:
        checks = examined(lonely)
    assert {name for name, check in checks.items() if check["state"] == PROBLEM} == {"database", "redis"}
    assert checks["database"]["found"] == "The database does not answer"
    assert "DATABASE_URL" in checks["database"]["mend"]
    assert checks["redis"]["found"] == "Redis does not answer"
    assert "REDIS_URL" in checks["redis"]["mend"]
    unchecked = {name for name, check in checks.items() if check["found"].startswith("Not checked: ")}
    assert unchecked == set(NAMES) - {"secret", "database", "redis"}


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


# The secret


@pytest.mark.parametrize(
    ("settings", "found", "mend"),
    [
        ({"cron_secret": None}, "every caller on this machine is let in", "Set CRON_SECRET"),
        ({"cron_secret": "hush-hush"}, "fewer than 16 characters", "CRON_SECRET_PREVIOUS to the present one"),
        ({"cron_secret": "please-change-me-hush"}, "placeholder", "openssl rand -hex 32"),
        ({"cron_secret_previous": "hush-hush-older"}, "still lets callers in", "remove CRON_SECRET_PREVIOUS"),
        ({"cron_secret_previous": GOOD_SECRET}, "the same as CRON_SECRET", "Remove CRON_SECRET_PREVIOUS"),
        ({"metrics_token": "hush-hush"}, "METRICS_TOKEN has fewer than 16 characters", "Set METRICS_TOKEN"),
        ({"metrics_token": GOOD_SECRET}, "METRICS_TOKEN is the same as CRON_SECRET", "of its own"),
    ],
)
def test_a_secret_that_keeps_nobody_out(healthy: World, settings: dict[str, Any], found: str, mend: str) -> None:
    with closing(on_settings(healthy, **settings)) as world:
        assert_found(world, "secret", WARNING, found, mend)


# The database


def test_a_database_that_may_only_be_read(healthy_on_postgres: World) -> None:
    name = make_url(healthy_on_postgres.database_url).database
    healthy_on_postgres.execute(f'ALTER DATABASE "{name}" SET default_transaction_read_only = on')
    with closing(World.make(healthy_on_postgres.database_url, healthy_on_postgres.redis_url)) as world:
        assert_found(world, "database", PROBLEM, "The database is read-only", "primary")


@pytest.fixture
def as_reader(healthy_on_postgres: World) -> Iterator[World]:
    """The same service as a user who may write down runs, but no result, and remove nothing."""
    url = make_url(healthy_on_postgres.database_url).set(username="reader").render_as_string()
    with psycopg.connect(healthy_on_postgres.database_url, autocommit=True) as owner:
        owner.execute("CREATE ROLE reader LOGIN")
        owner.execute("GRANT SELECT ON ALL TABLES IN SCHEMA public TO reader")
        owner.execute("GRANT INSERT, UPDATE ON cron_job_runs, cron_stock_states, cron_pauses, stocks TO reader")
        with closing(World.make(url, healthy_on_postgres.redis_url)) as reading:
            yield reading
        owner.execute("DROP OWNED BY reader")
        owner.execute("DROP ROLE reader")


def test_a_user_who_may_not_write(as_reader: World) -> None:
    tables = "may not read or write red_flag_history, vetr_score_history, vetr_score_snapshots"
    assert_found(as_reader, "database", PROBLEM, tables, "GRANT SELECT, INSERT, UPDATE")


def test_a_user_who_may_not_remove_what_is_old(healthy_on_postgres: World, as_reader: World) -> None:
    healthy_on_postgres.execute("GRANT INSERT, UPDATE ON ALL TABLES IN SCHEMA public TO reader")
    healthy_on_postgres.execute("GRANT DELETE ON red_flag_history TO reader")
    found = "Cleanup does not work: the user in DATABASE_URL may remove no rows of cron_job_runs, vetr_score_snapshots"
    assert_found(as_reader, "database", WARNING, found, "GRANT DELETE on cron_job_runs, vetr_score_snapshots to")
    healthy_on_postgres.execute("GRANT DELETE ON cron_job_runs, vetr_score_snapshots TO reader")
    assert examined(as_reader)["database"]["state"] == OK


def test_a_sqlite_file_without_wal(healthy: World) -> None:
    connection = healthy.services.database.engine.raw_connection()
    connection.cursor().execute("PRAGMA journal_mode=DELETE")
    connection.close()  # back to the pool, which hands it out again
    assert_found(healthy, "database", WARNING, "The journal mode is delete, not WAL", "local disk")


def test_sqlite_in_production(healthy: World) -> None:
    with closing(on_settings(healthy, app_env="production")) as world:
        assert_found(world, "database", WARNING, "SQLite is for one machine only", "PostgreSQL")


# The migrations


def test_a_database_without_tables(database_url: str, redis_url: str) -> None:
    with closing(World.make(database_url, redis_url)) as world:
        checks = examined(world)
        assert checks["database"]["state"] == OK
        assert (checks["migration"]["state"], checks["migration"]["mend"]) == (
            PROBLEM,
            "Run `flask --app wsgi db upgrade`.",
        )
        assert "db upgrade" in checks["universe"]["found"]
    migrate_database(database_url)
    with closing(World.make(database_url, redis_url)) as world:
        assert examined(world)["migration"]["state"] == OK


def test_a_database_of_an_older_release(healthy: World) -> None:
    healthy.execute("UPDATE cron_alembic_version SET version_num = '2026_11_23_tables'")
    assert_found(healthy, "migration", PROBLEM, "not at the newest migration", "db upgrade")


def test_a_database_that_a_newer_release_has_migrated_is_a_warning(healthy: World) -> None:
    healthy.execute("UPDATE cron_alembic_version SET version_num = '2099_01_01_next'")
    assert_found(healthy, "migration", WARNING, "A newer release than this one has migrated", "Deploy that release")


# Redis


@pytest.fixture
def on_own_redis(migrated_sqlite_url: str, stoppable_redis: PrivateRedis) -> Iterator[World]:
    """A healthy service on a Redis whose settings a test may change; afterwards they are as they were."""
    with closing(World.make(migrated_sqlite_url, stoppable_redis.url)) as world:
        in_use(world)
        names = ("maxmemory", "maxmemory-policy", "appendonly", "save")
        redis: Any = world.redis
        before = {name: redis.config_get(name)[name] for name in names}
        yield world
        redis.replicaof("NO", "ONE")
        for name, value in before.items():
            redis.config_set(name, value)


@pytest.mark.parametrize("policy", ["allkeys-lru", "volatile-ttl"])
def test_a_redis_that_drops_keys(on_own_redis: World, policy: str) -> None:
    on_own_redis.redis.config_set("maxmemory-policy", policy)
    assert_found(on_own_redis, "redis", WARNING, policy, "maxmemory-policy to noeviction")
    on_own_redis.redis.config_set("maxmemory", "1gb")
    assert_found(on_own_redis, "redis", PROBLEM, policy, "maxmemory-policy to noeviction")


def test_a_redis_that_is_full(on_own_redis: World) -> None:
    on_own_redis.redis.config_set("maxmemory", "1")
    assert_found(on_own_redis, "redis", PROBLEM, "out of memory", "more memory")


def test_a_redis_that_keeps_nothing(on_own_redis: World) -> None:
    on_own_redis.redis.config_set("appendonly", "no")
    assert_found(on_own_redis, "redis", WARNING, "a restart forgets the cursors", "appendonly")
    on_own_redis.redis.config_set("save", "3600 1")
    assert examined(on_own_redis)["redis"]["state"] == OK


def test_a_redis_that_is_a_replica(on_own_redis: World) -> None:
    on_own_redis.redis.replicaof("127.0.0.1", "1")
    assert_found(on_own_redis, "redis", PROBLEM, "read-only replica", "primary")


@pytest.mark.parametrize(
    ("rights", "expected"),
    [
        (["-config"], {"redis": OK, "clock": OK}),  # all that matters is in INFO
        (["-info", "-config"], {"redis": WARNING, "clock": OK}),
        (["-time"], {"redis": OK, "clock": WARNING}),
        (["-set"], {"redis": PROBLEM, "clock": OK}),
    ],
)
def test_a_redis_that_forbids(on_own_redis: World, rights: list[str], expected: dict[str, str]) -> None:
    admin: Any = on_own_redis.redis
    admin.execute_command("ACL", "SETUSER", "guest", "on", ">hush-hush", "~*", "+@all", *rights)
    url = on_own_redis.redis_url.replace("redis://", "redis://guest:hush-hush@")
    with closing(World.make(on_own_redis.database_url, url)) as world:
        checks = examined(world)
    admin.execute_command("ACL", "DELUSER", "guest")
    assert {name: checks[name]["state"] for name in expected} == expected
    if "-info" in rights:
        assert "Redis does not tell which keys it drops" in checks["redis"]["found"]
        assert "whether it saves its keys" in checks["redis"]["found"]


# Connections


def test_more_processes_than_the_database_lets_in(healthy_on_postgres: World, monkeypatch: pytest.MonkeyPatch) -> None:
    limit = int(healthy_on_postgres.rows("SHOW max_connections")[0]["max_connections"]) - 3
    monkeypatch.setenv("WEB_CONCURRENCY", str(limit // 15 + 1))
    assert_found(healthy_on_postgres, "connections", WARNING, f"allows {limit}", f"WEB_CONCURRENCY to {limit // 15},")
    monkeypatch.setenv("WEB_CONCURRENCY", "20")
    assert_found(healthy_on_postgres, "connections", PROBLEM, "300 in all", "WEB_CONCURRENCY to")


def test_a_database_with_a_limit_of_its_own(healthy_on_postgres: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WEB_CONCURRENCY", "2")
    name = make_url(healthy_on_postgres.database_url).database
    healthy_on_postgres.execute(f'ALTER DATABASE "{name}" CONNECTION LIMIT 20')
    assert_found(healthy_on_postgres, "connections", WARNING, "allows 20", "WEB_CONCURRENCY to 1,")


@pytest.mark.parametrize("number", ["many", "0", "-2"])
def test_a_number_of_processes_that_is_none(healthy: World, monkeypatch: pytest.MonkeyPatch, number: str) -> None:
    monkeypatch.setenv("WEB_CONCURRENCY", number)
    said = f"WEB_CONCURRENCY: '{number}' cannot be read; it may hold a whole number from 1 to 1000"
    assert_found(healthy, "connections", PROBLEM, said, "Set WEB_CONCURRENCY to such a number, or remove it")


# The clock


@pytest.mark.parametrize(("seconds", "state"), [(1, OK), (10, WARNING), (-10, WARNING), (45, PROBLEM)])
def test_a_clock_that_is_wrong(healthy_on_postgres: World, seconds: int, state: str) -> None:
    off = timedelta(seconds=seconds)
    doctor = replace(healthy_on_postgres.services.doctor, clock=lambda: utc_now() - off)
    replace_services(healthy_on_postgres, doctor=doctor)
    check = examined(healthy_on_postgres)["clock"]
    side = "ahead of" if seconds > 0 else "behind"
    assert check["state"] == state
    for server in ("The database", "Redis"):
        # The last digit is the time that an answer takes.
        assert any(f"{server} is {abs(seconds) + tenth / 10:.1f} s {side}" in check["found"] for tenth in (-1, 0, 1))
    assert state == OK or "NTP" in check["mend"]


# The universe


def test_an_empty_universe(world: World) -> None:
    assert_found(world, "universe", PROBLEM, "There are no stocks", "stocks import")


def test_tickers_that_the_platforms_table_cannot_hold(healthy_on_postgres: World) -> None:
    stock = {"name": "Long", "exchange": "TSX", "sector": "Mining"}
    healthy_on_postgres.add("stocks", {"id": uuid4(), "ticker": "ELEVEN.CHAR", **stock})
    healthy_on_postgres.data("refresh-all")
    assert examined(healthy_on_postgres)["universe"]["state"] == OK
    healthy_on_postgres.execute("DELETE FROM red_flag_history")
    healthy_on_postgres.execute("ALTER TABLE red_flag_history ALTER stock_ticker TYPE varchar(10)")
    found = "1 of 4 stocks have tickers longer than the 10 characters"
    assert_found(healthy_on_postgres, "universe", WARNING, found, "varchar(20)")


# The schedule


def add_calls(world: World, job: str, every: timedelta, stocks: int, ago: timedelta = timedelta()) -> None:
    """Four calls of so many stocks each, the last one so long ago, and what they make of all stocks."""
    rows = [
        {
            "id": uuid4(),
            "job_name": f"refresh-{job}",
            "status": "completed",
            "chunk_offset": 0,
            "stocks_processed": stocks,
            "started_at": utc_now() - ago - number * every,
            "completed_at": utc_now() - ago - number * every,
        }
        for number in range(4)
    ]
    world.add("cron_job_runs", *rows)
    state = {"job": job, "last_cycle_id": uuid4(), "last_refreshed_at": utc_now() - ago, "consecutive_failures": 0}
    world.add("cron_stock_states", *(state | {"ticker": ticker} for ticker in world.tickers()))


@pytest.fixture
def with_flags_alone(world: World) -> World:
    """A service with twelve stocks whose flags are refreshed."""
    add_stocks(world, 12)
    world.data("red-flags")
    return world


def test_a_job_that_was_never_called(with_flags_alone: World) -> None:
    assert_found(with_flags_alone, "schedule-scores", WARNING, "never called", "/v1/cron/scores")


def test_calls_that_come_often_enough(with_flags_alone: World) -> None:
    add_calls(with_flags_alone, "scores", timedelta(hours=6), 3)
    check = examined(with_flags_alone)["schedule-scores"]
    assert (check["state"], "usually every 6 h" in check["found"]) == (OK, True)


def test_calls_that_have_ceased(with_flags_alone: World) -> None:
    add_calls(with_flags_alone, "scores", timedelta(minutes=30), 12, ago=timedelta(hours=3))
    found = "No call for 3 h, usually every 30 min"
    assert_found(with_flags_alone, "schedule-scores", PROBLEM, found, "scheduler is on")


def test_calls_that_are_too_rare(with_flags_alone: World) -> None:
    add_calls(with_flags_alone, "scores", timedelta(days=3), 12)
    assert_found(with_flags_alone, "schedule-scores", PROBLEM, "only every 3 d", "at least once a day")


def test_calls_that_are_too_small(with_flags_alone: World) -> None:
    add_calls(with_flags_alone, "scores", timedelta(hours=6), 2)
    found = "refreshed only every 36 h: a cycle takes 6 calls, one every 6 h"
    assert_found(with_flags_alone, "schedule-scores", PROBLEM, found, "CRON_CHUNKS_PER_CALL=all")


def test_calls_between_which_the_cursor_is_forgotten(with_flags_alone: World) -> None:
    add_calls(with_flags_alone, "scores", timedelta(hours=6), 6)
    assert examined(with_flags_alone)["schedule-scores"]["state"] == OK
    with closing(on_settings(with_flags_alone, cron_cursor_ttl_seconds=3_600)) as forgetful:
        found = "A cycle never ends: it takes 2 calls"
        assert_found(forgetful, "schedule-scores", PROBLEM, found, "CRON_CHUNKS_PER_CALL=all")


@pytest.mark.parametrize("keep_days", [1, 2])
def test_daily_calls_that_have_ceased_though_the_log_keeps_but_the_last(
    with_flags_alone: World, keep_days: int
) -> None:
    add_calls(with_flags_alone, "scores", timedelta(days=1), 12, ago=timedelta(hours=26))
    with_flags_alone.data(f"cleanup?runs_days={keep_days}")
    assert len([run for run in with_flags_alone.table("cron_job_runs") if run["job_name"] == "refresh-scores"]) < 3
    assert_found(with_flags_alone, "schedule-scores", PROBLEM, "No call for 26 h", "scheduler is on")
    assert with_flags_alone.data("status")["jobs"]["scores"]["pace"]["late"] is True


def test_calls_that_fail(world: World) -> None:
    add_stocks(world, 12, unscorable=12)
    run_id = world.call("scores").get_json()["error"]["details"]["run_id"]
    check = examined(world)["schedule-scores"]
    assert check["state"] == PROBLEM
    assert "The last run failed: 12 of 12 stocks failed" in check["found"]
    assert "12 of 12 stocks have no result of the last 25 h" in check["found"]
    assert f"`flask --app wsgi cron run {run_id}`" in check["mend"]
    assert run(world, "cron", "run", run_id).exit_code == DONE


def test_calls_that_come_while_stocks_grow_old(with_flags_alone: World) -> None:
    add_calls(with_flags_alone, "scores", timedelta(hours=6), 12)
    old = "UPDATE cron_stock_states SET last_refreshed_at = :day WHERE job = 'scores' AND ticker <= :last"
    with_flags_alone.execute(old, day=utc_now() - timedelta(days=2), last="T00000")
    found = "1 of 12 stocks have no result of the last 25 h"
    assert_found(with_flags_alone, "schedule-scores", WARNING, found, "cron coverage --job scores --stocks stale")
    with_flags_alone.execute(old, day=utc_now() - timedelta(days=2), last="T00005")
    assert_found(with_flags_alone, "schedule-scores", PROBLEM, "6 of 12 stocks", "cron history --job scores")


def test_a_first_cycle_under_way(with_flags_alone: World) -> None:
    with_flags_alone.data("scores?chunk_size=2")
    assert examined(with_flags_alone)["schedule-scores"]["state"] == OK


def test_a_job_that_is_paused(healthy: World) -> None:
    run(healthy, "cron", "pause", "--job", "red-flags", "--reason", "prices are reloaded")
    found = "Paused: prices are reloaded"
    assert_found(healthy, "schedule-red-flags", WARNING, found, "cron resume --job red-flags")


def test_many_stocks_that_fail(world: World) -> None:
    add_stocks(world, 40, unscorable=3)
    world.data("refresh-all")
    found = "3 of 40 stocks failed last time"
    assert_found(world, "schedule-scores", WARNING, found, "cron failures --job scores")


def test_a_few_stocks_that_fail_are_told_and_no_trouble(world: World) -> None:
    add_stocks(world, 40, unscorable=2)
    world.data("refresh-all")
    check = examined(world)["schedule-scores"]
    assert (check["state"], "2 stocks fail" in check["found"]) == (OK, True)
