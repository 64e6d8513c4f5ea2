"""deploy/redis/users.acl: a user of Redis who may do all that the service does, and nothing else."""

import json
import re
from collections.abc import Iterator
from contextlib import closing, contextmanager

import pytest
from redis import Redis
from redis.exceptions import NoPermissionError

from tests.deploy.acl_redis import ACL, AclRedis, allow
from tests.deploy.everything import fill, problems
from tests.e2e.programs import PROJECT, environment, finished, flask
from tests.servers.redis_server import flush
from tests.world import World


@pytest.fixture(scope="module")
def server() -> Iterator[AclRedis]:
    with AclRedis().running() as server:
        yield server


@pytest.fixture
def owner(server: AclRedis, migrated_sqlite_url: str) -> Iterator[World]:
    flush(server.url)
    with closing(World.make(migrated_sqlite_url, server.url)) as world:
        fill(world)
        yield world


@contextmanager
def service(server: AclRedis, owner: World) -> Iterator[World]:
    with closing(World.make(owner.database_url, server.url_of_service)) as world:
        yield world


def test_the_user_is_enough_for_everything_that_the_service_does(server: AclRedis, owner: World) -> None:
    with service(server, owner) as world:
        assert list(problems(world, owner)) == []
    assert owner.redis.acl_log() == []


def test_without_any_one_of_its_commands_something_is_refused(server: AclRedis, owner: World) -> None:
    commands = re.findall(r" \+(\S+)", ACL.read_text())
    needless = []
    for command in commands:
        owner.redis.acl_log_reset()
        allow(owner, f"-{command}")
        owner.redis.script_flush()
        with service(server, owner) as world:
            next(problems(world, owner), None)
        if not owner.redis.acl_log():
            needless.append(command)
        allow(owner, f"+{command}")
    assert len(commands) == 19
    assert needless == []


def test_without_the_doctors_own_commands_everything_else_works(server: AclRedis, owner: World) -> None:
    own = ("config|get", "info", "time")
    for command in own:
        allow(owner, f"-{command}")
    with service(server, owner) as world:
        found = list(problems(world, owner))
    for command in own:
        allow(owner, f"+{command}")
    assert found
    assert [problem for problem in found if not problem.startswith("doctor: ")] == []


def test_the_page_lists_what_the_file_allows() -> None:
    (words,) = re.findall(r"\ncommands ([^`]+)", (PROJECT / "docs" / "deploy" / "redis.md").read_text())
    assert words.split() == re.findall(r" \+(\S+)", ACL.read_text())


@pytest.mark.parametrize(
    ("command", "arguments"),
    [
        ("GET", ["session:1"]),
        ("SET", ["vetr_scores", "1"]),
        ("DEL", ["bull:queue"]),
        ("FLUSHDB", []),
        ("KEYS", ["*"]),
        ("CONFIG", ["SET", "maxmemory", "1"]),
        ("SHUTDOWN", []),
        ("ACL", ["LIST"]),
        ("PUBLISH", ["channel", "text"]),
    ],
)
def test_the_user_may_do_nothing_else(server: AclRedis, command: str, arguments: list[str]) -> None:
    with Redis.from_url(server.url_of_service) as client, pytest.raises(NoPermissionError):
        client.execute_command(command, *arguments)


def test_nobody_comes_in_without_a_password() -> None:
    assert ACL.read_text().splitlines()[0] == "user default off"


def doctor(server: AclRedis, owner: World, url: str, **variables: str) -> str:
    """What the doctor of a service in production says of a Redis at this URL."""
    done = finished(flask("cron", "doctor", "--json"), environment(owner, REDIS_URL=url, **variables))
    (found,) = [check["found"] for check in json.loads(done.stdout)["checks"] if check["name"] == "redis"]
    return str(found)


def test_a_certificate_that_nobody_vouches_for_is_refused_unless_it_is_said(server: AclRedis, owner: World) -> None:
    assert "Redis does not answer" in doctor(server, owner, server.url_over_tls())
    assert "keeps them" in doctor(server, owner, server.url_over_tls(), REDIS_SSL_CERT_REQS="none")


def test_an_authority_of_ones_own_is_named_in_the_url(server: AclRedis, owner: World) -> None:
    authority = server.folder / "certificate.pem"
    assert "keeps them" in doctor(server, owner, server.url_over_tls(f"?ssl_ca_certs={authority}"))
