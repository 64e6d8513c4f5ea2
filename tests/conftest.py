"""Fixtures that every kind of test shares: fresh databases, an empty Redis, and servers that may be stopped."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest
from hypothesis import settings

from tests.memory import use_memory
from tests.servers.embedded_keeper import EmbeddedKeeper
from tests.servers.postgres_server import PostgresServer, PrivatePostgres
from tests.servers.redis_server import PrivateRedis, flush, url_of_worker
from tests.small_demo import write_small_demo
from tests.world import migrate_database
from vettr_cron.config import Settings
from vettr_cron.redis_store.embedded import EmbeddedRedis

# What the developer's machine is set to, in the environment or in a file .env, is nothing to the tests.
of_jobs = [name for name in os.environ if name.upper().startswith(("CRON_PING_URL_", "CRON_SCHEDULE_"))]
for name in (*Settings.model_fields, *of_jobs, "port", "bind_host", "web_concurrency"):
    os.environ.pop(name.upper(), None)
os.environ["FLASK_SKIP_DOTENV"] = "1"
use_memory()

# How long an example takes says nothing: the machine may have other work to do.
settings.register_profile("without-deadlines", deadline=None)
settings.load_profile("without-deadlines")


@pytest.fixture(scope="session")
def private_postgres() -> Iterator[PrivatePostgres]:
    """This process's own PostgreSQL; a test that stops it asks for `stoppable_postgres`."""
    with PrivatePostgres().running() as server:
        yield server


@pytest.fixture(scope="session")
def postgres_server(request: pytest.FixtureRequest) -> PostgresServer:
    """Where tests create databases: the server at TEST_DATABASE_URL, otherwise this process's own."""
    url = os.environ.get("TEST_DATABASE_URL")
    server: PostgresServer = PostgresServer(url) if url else request.getfixturevalue("private_postgres")
    return server


@pytest.fixture
def postgres_url(postgres_server: PostgresServer) -> Iterator[str]:
    """A fresh, empty PostgreSQL database."""
    url = postgres_server.create_database()
    yield url
    postgres_server.drop_database(url)


@pytest.fixture
def stoppable_postgres(private_postgres: PrivatePostgres) -> Iterator[PrivatePostgres]:
    """A PostgreSQL that the test may stop, kill, freeze and start again; afterwards it runs."""
    yield private_postgres
    if not private_postgres.answers():
        private_postgres.start()


@pytest.fixture
def sqlite_url(tmp_path: Path) -> str:
    """A SQLite database whose file is not there yet."""
    return f"sqlite:///{tmp_path / 'vettr.db'}"


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest) -> str:
    """A fresh, empty database; the test runs once for each kind."""
    url: str = request.getfixturevalue({"sqlite": "sqlite_url", "postgresql": "postgres_url"}[request.param])
    return url


@pytest.fixture(scope="session")
def redis_server() -> Iterator[PrivateRedis]:
    """This process's own Redis; a test that stops it asks for `stoppable_redis`."""
    with PrivateRedis().running() as server:
        yield server


@pytest.fixture
def redis_url(request: pytest.FixtureRequest) -> str:
    """An empty Redis database: in the server at TEST_REDIS_URL, otherwise in this process's own."""
    url = os.environ.get("TEST_REDIS_URL")
    if url:
        url = url_of_worker(url, os.environ.get("PYTEST_XDIST_WORKER", ""))
    else:
        url = request.getfixturevalue("redis_server").url
    assert url
    flush(url)
    return url


@pytest.fixture
def stoppable_redis(redis_server: PrivateRedis) -> Iterator[PrivateRedis]:
    """An empty Redis that the test may stop, kill, freeze and start again; afterwards it runs."""
    flush(redis_server.url)
    yield redis_server
    if not redis_server.answers():
        redis_server.start()


@pytest.fixture(scope="session")
def migrated_template(postgres_server: PostgresServer) -> Iterator[str]:
    """A PostgreSQL database at the newest migration, to be copied."""
    url = postgres_server.create_database()
    migrate_database(url)
    yield url
    postgres_server.drop_database(url)


@pytest.fixture
def migrated_postgres_url(postgres_server: PostgresServer, migrated_template: str) -> Iterator[str]:
    """A fresh PostgreSQL database at the newest migration."""
    url = postgres_server.create_database(template=migrated_template)
    yield url
    postgres_server.drop_database(url)


@pytest.fixture(scope="session")
def migrated_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A SQLite file at the newest migration, to be copied."""
    path = tmp_path_factory.mktemp("template") / "vettr.db"
    migrate_database(f"sqlite:///{path}")
    return path


@pytest.fixture
def migrated_sqlite_url(migrated_file: Path, tmp_path: Path) -> str:
    """A fresh SQLite database at the newest migration."""
    path = tmp_path / "vettr.db"
    shutil.copy(migrated_file, path)
    return f"sqlite:///{path}"


@pytest.fixture(params=["sqlite", "postgresql"])
def migrated_url(request: pytest.FixtureRequest) -> str:
    """A fresh database at the newest migration; the test runs once for each kind."""
    url: str = request.getfixturevalue(
        {"sqlite": "migrated_sqlite_url", "postgresql": "migrated_postgres_url"}[request.param]
    )
    return url


@pytest.fixture(scope="session")
def small_demo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder like the demo's, with a few of its stocks."""
    return write_small_demo(tmp_path_factory.mktemp("demo"))


@pytest.fixture(scope="session")
def embedded_keeper() -> Iterator[EmbeddedKeeper]:
    """What stops embedded servers when the test run is killed; a test asks for `embedded_folder`."""
    keeper = EmbeddedKeeper()
    try:
        keeper.start()
        yield keeper
    finally:
        keeper.close()


@pytest.fixture
def embedded_folder(embedded_keeper: EmbeddedKeeper) -> Iterator[Path]:
    """A folder for an embedded Redis, not there yet; a server that was started in it ends with the test."""
    folder = embedded_keeper.folder / uuid4().hex / "redis"
    yield folder
    EmbeddedRedis(folder).stop()
