"""PostgreSQL's policies, which may hide rows, and a service that is under them."""

from collections.abc import Iterator
from contextlib import contextmanager
from uuid import uuid4

from sqlalchemy.engine import make_url

from tests.world import World


@contextmanager
def as_role(owner: World, **settings: str) -> Iterator[World]:
    """The service as a user who owns nothing, and so is under every policy."""
    role = f"app_{uuid4().hex}"
    owner.execute(f"CREATE ROLE {role} LOGIN")
    owner.execute(f"GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO {role}")
    url = make_url(owner.database_url).set(username=role).render_as_string(hide_password=False)
    world = World.make(url, owner.redis_url, **settings)
    try:
        yield world
    finally:
        world.close()
        owner.execute(f"DROP OWNED BY {role}")
        owner.execute(f"DROP ROLE {role}")


def secure(world: World, table: str, *policies: str) -> None:
    world.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")
    for number, policy in enumerate(policies):
        world.execute(f"CREATE POLICY p{number} ON {table} {policy}")
