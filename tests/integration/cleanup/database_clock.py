"""A database server whose clock shows another time than this machine's."""

from collections.abc import Iterator
from contextlib import closing, contextmanager

from sqlalchemy.engine import make_url

from tests.world import World


@contextmanager
def database_clock(world: World, redis_url: str, now: str) -> Iterator[World]:
    """The same service, to which PostgreSQL tells this time, a SQL expression, when asked for its clock."""
    world.execute(
        f"CREATE FUNCTION public.clock_timestamp() RETURNS timestamptz LANGUAGE sql VOLATILE AS $$ SELECT {now} $$"
    )
    name = make_url(world.database_url).database
    world.execute(f"ALTER DATABASE {name} SET search_path = public, pg_catalog")  # ours is found first
    with closing(World.make(world.database_url, redis_url)) as shifted:
        yield shifted
