"""PostgreSQL 17 and newer end whole transactions after `transaction_timeout`; ours have limits of their own."""

from collections.abc import Iterator
from contextlib import closing

import psycopg
import pytest

from tests.servers import postgres_server
from tests.servers.postgres_server import PrivatePostgres
from tests.world import World, migrate_database


@pytest.fixture
def newer(monkeypatch: pytest.MonkeyPatch) -> Iterator[PrivatePostgres]:
    """The server that comes with the requirements, whatever is installed beside it."""
    monkeypatch.setattr("shutil.which", lambda _name: None)
    monkeypatch.setattr(postgres_server, "sorted", lambda *_, **__: [], raising=False)
    with PrivatePostgres().running() as server:
        yield server


def test_a_role_that_ends_transactions_soon(newer: PrivatePostgres, redis_url: str) -> None:
    url = newer.create_database()
    migrate_database(url)
    with psycopg.connect(url, autocommit=True) as connection:
        assert connection.info.server_version >= 170_000
        connection.execute("ALTER ROLE postgres SET transaction_timeout = '300ms'")
    with closing(World.make(url, redis_url)) as world:
        assert world.rows("SELECT current_setting('transaction_timeout') AS limit")[0]["limit"] == "0"
        assert world.rows("SELECT 1 AS one FROM pg_sleep(0.6)") == [{"one": 1}]
        world.generate(5)
        assert world.data("scores")["succeeded"] == 5
