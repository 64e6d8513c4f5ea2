"""Services on databases of other encodings than UTF8."""

from collections.abc import Iterator
from contextlib import closing, contextmanager

from tests.servers.postgres_server import PostgresServer
from tests.world import World, migrate_database


@contextmanager
def encoded_world(server: PostgresServer, encoding: str, redis_url: str) -> Iterator[World]:
    """A service on a migrated database of this encoding, which is removed when the block ends."""
    url = server.create_encoded_database(encoding)
    try:
        migrate_database(url)
        with closing(World.make(url, redis_url)) as world:
            yield world
    finally:
        server.drop_database(url)
