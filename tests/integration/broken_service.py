"""A service with a bug in it, put in place of a real one where the application finds them."""

from dataclasses import replace
from typing import Any, NoReturn

from tests.world import World
from vettr_cron.registry import EXTENSION

INTERNALS = "SELECT password FROM users; /srv/app/secret.py postgresql://admin:hunter2@db/name"


class Broken:
    """Raises what nobody expects, whatever it is asked to do."""

    def fail(self, *_: object, **__: object) -> NoReturn:
        raise RuntimeError(INTERNALS)

    read = run = problems = fail


def replace_services(world: World, **services: Any) -> None:
    """Let routes find these use cases in place of those that were wired."""
    world.app.extensions[EXTENSION] = replace(world.services, **services)


def assert_no_internals(body: str) -> None:
    """Nothing that only the log may say: statements, paths, tracebacks, credentials, names of code."""
    for word in ("SELECT", "INSERT", "UPDATE", "/", "Traceback", "line ", "hunter2", "sqlalchemy", "psycopg", "redis."):
        assert word not in body.replace("vettr-cron", "")
