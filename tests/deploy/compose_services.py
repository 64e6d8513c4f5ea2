"""The services of compose.yaml, run without an engine: in this machine's network, each as a container of the image."""

import json
from typing import Any

from tests.deploy.compose_file import compose
from tests.deploy.containers import Container
from tests.deploy.image import Image
from tests.deploy.loopback import LoopbackPostgres
from tests.e2e.programs import free_port
from tests.servers.redis_server import PrivateRedis
from tests.tools import needed

SECRETS = {"CRON_SECRET": "correct horse battery staple", "POSTGRES_PASSWORD": "pass-word"}
IN_ORDER = ("release", "web", "scheduler")
OURS = (*IN_ORDER, "worker")
WITH_WORKERS = {"CRON_ENGINE": "celery", "REQUIREMENTS": "requirements-celery.txt", "COMPOSE_PROFILES": "celery"}
COMMAND_SECONDS = 10  # within which a command or a running call ends in order


class RedisOfTheFile(PrivateRedis):
    """A Redis that is started with the arguments of the file."""

    def command(self) -> list[str]:
        program, *arguments = compose(SECRETS)["services"]["redis"]["command"]
        assert program == "redis-server"
        return [needed(program), "--bind", "127.0.0.1", "--port", self.url.partition("127.0.0.1:")[2][:-2], *arguments]


def service(image: Image, name: str, postgres: LoopbackPostgres, redis: RedisOfTheFile, **more: str) -> Container:
    """A service of the file in this machine's network, where both servers are on 127.0.0.1."""
    stated = compose(SECRETS | more)["services"][name]
    where = {"@postgres:5432/": f"@127.0.0.1:{postgres.port}/", "redis://redis:6379/0": redis.url}
    variables = stated["environment"] | {"PORT": str(free_port())}
    for written_as, is_here in where.items():
        variables = {key: value.replace(written_as, is_here) for key, value in variables.items()}
    return Container(image, variables, tmpfs=[stated["tmpfs"]], read_only=stated["read_only"])


def command_of(name: str) -> list[str]:
    command: list[str] = compose(SECRETS)["services"][name]["command"]
    return command


def all_fresh(web: Container) -> bool:
    done = web.finished("flask", "--app", "wsgi", "cron", "coverage", "--json")
    assert done.returncode == 0, done.stderr
    jobs: dict[str, Any] = json.loads(done.stdout)["jobs"]
    return all(job["fresh"] == job["total"] == 250 for job in jobs.values())
