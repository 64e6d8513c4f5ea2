"""compose.yaml: a valid file whose services run as it says, as far as that can be tried without an engine."""

import json
import re
import stat
import subprocess
from collections.abc import Iterator
from pathlib import Path

import jsonschema
import pytest
from redis import Redis

from tests.deploy.compose_file import Unset, compose, written
from tests.deploy.compose_services import (
    COMMAND_SECONDS,
    IN_ORDER,
    OURS,
    SECRETS,
    WITH_WORKERS,
    RedisOfTheFile,
    all_fresh,
    command_of,
    service,
)
from tests.deploy.containers import terminate
from tests.deploy.image import Image, built_image
from tests.deploy.known_variables import KNOWN, REQUIRED
from tests.deploy.loopback import LoopbackPostgres
from tests.e2e.programs import PATIENCE, PROJECT
from tests.integration.meddling import wait_until
from tests.tools import needed


@pytest.fixture(scope="module")
def image() -> Iterator[Image]:
    with built_image() as image:
        yield image


def test_the_file_is_valid() -> None:
    schema = json.loads((Path(__file__).parent / "vendor" / "compose-spec.json").read_text())
    validator = jsonschema.Draft7Validator(schema)
    assert [f"{error.json_path}: {error.message}" for error in validator.iter_errors(written())] == []
    wrong = written()
    wrong["services"]["web"]["read-only"] = True
    assert list(validator.iter_errors(wrong))


@pytest.mark.parametrize("name", SECRETS)
def test_without_its_secrets_it_is_refused_in_words(name: str) -> None:
    with pytest.raises(Unset, match=rf"^{name}: it is missing; docs/deploy/container.md says how"):
        compose(SECRETS | {name: ""})


def test_the_page_makes_the_secrets_once_and_for_nobody_else(tmp_path: Path) -> None:
    page = (PROJECT / "docs/deploy/container.md").read_text()
    (block,) = [text for text in re.findall(r"```sh\n(.*?)```", page, re.DOTALL) if "POSTGRES_PASSWORD" in text]
    lines = [line for line in block.splitlines() if not line.startswith(("docker ", "git ", "cd "))]
    made = []
    for _ in range(2):
        subprocess.run([needed("sh", "dash"), "-ec", "\n".join(lines)], cwd=tmp_path, check=True)
        made.append((tmp_path / ".env").read_text())
    assert made[0] == made[1]
    assert stat.S_IMODE((tmp_path / ".env").stat().st_mode) == 0o600
    variables = dict(line.split("=") for line in made[0].splitlines())
    assert variables.keys() == SECRETS.keys()
    assert all(len(value) == 64 for value in variables.values()) and len(set(variables.values())) == 2
    assert compose(variables)


def test_our_services_set_variables_that_the_service_knows() -> None:
    for name in OURS:
        variables = compose(SECRETS)["services"][name]["environment"].keys()
        assert variables >= REQUIRED
        assert variables <= KNOWN


def test_no_service_has_rights_that_it_does_not_need() -> None:
    for name, each in compose(SECRETS)["services"].items():
        held = (each["read_only"], each["cap_drop"], each["security_opt"], each.get("privileged", False))
        assert held == (True, ["ALL"], ["no-new-privileges:true"], False), name
    published = {name: service["ports"] for name, service in compose(SECRETS)["services"].items() if "ports" in service}
    assert published == {"web": ["127.0.0.1:8000:8000"]}


def test_all_start_again_but_the_release_and_wait_for_what_they_need() -> None:
    services = compose(SECRETS)["services"]
    assert {name: service["restart"] for name, service in services.items()} == {
        "release": "no", **dict.fromkeys(("web", "scheduler", "worker", "postgres", "redis"), "unless-stopped"),
    }  # fmt: skip
    for name in ("web", "scheduler", "worker"):
        awaited = {other: entry["condition"] for other, entry in services[name]["depends_on"].items()}
        assert awaited == {"release": "service_completed_successfully", "redis": "service_healthy"}
    assert services["release"]["depends_on"] == {"postgres": {"condition": "service_healthy"}}
    for name in OURS:
        assert int(services[name]["stop_grace_period"].removesuffix("s")) > COMMAND_SECONDS


def test_workers_are_there_if_they_are_asked_for_and_all_are_of_one_image_and_engine() -> None:
    services = compose(SECRETS)["services"]
    assert {name: service["profiles"] for name, service in services.items() if "profiles" in service} == {
        "worker": ["celery"]
    }
    for variables, engine, packages in (
        (SECRETS, "threads", "requirements.txt"),
        (SECRETS | WITH_WORKERS, WITH_WORKERS["CRON_ENGINE"], WITH_WORKERS["REQUIREMENTS"]),
    ):
        ours = [compose(variables)["services"][name] for name in OURS]
        assert {each["environment"]["CRON_ENGINE"] for each in ours} == {engine}
        assert {each["build"]["args"]["REQUIREMENTS"] for each in ours} == {packages}
        assert {each["image"] for each in ours} == {"vettr-cron"}


def test_the_page_sets_what_brings_the_workers() -> None:
    page = (PROJECT / "docs" / "deploy" / "workers.md").read_text()
    (line,) = [line for line in page.splitlines() if "COMPOSE_PROFILES" in line and ">> .env" in line]
    assert all(f"{name}={value}" in line for name, value in WITH_WORKERS.items())


def test_the_database_and_redis_say_that_they_are_healthy(postgres: LoopbackPostgres, redis: RedisOfTheFile) -> None:
    services = compose(SECRETS)["services"]
    for name, port_option in (("postgres", f"--port={postgres.port}"), ("redis", f"-u {redis.url}")):
        kind, program, *arguments = services[name]["healthcheck"]["test"]
        command = [needed(program), *port_option.split(), *arguments]
        assert kind == "CMD"
        assert subprocess.run(command, check=False, capture_output=True).returncode == 0
    with Redis.from_url(redis.url, decode_responses=True) as client:
        assert client.config_get("maxmemory-policy") == {"maxmemory-policy": "noeviction"}
        assert client.config_get("appendonly") == {"appendonly": "yes"}


def test_it_upgrades_then_serves_and_schedules_until_it_is_stopped(
    image: Image, postgres: LoopbackPostgres, redis: RedisOfTheFile
) -> None:
    own = compose(SECRETS)["services"]["postgres"]["environment"]
    url = postgres.create_own_database(own["POSTGRES_USER"], own["POSTGRES_PASSWORD"], own["POSTGRES_DB"])
    release, web, scheduler = (service(image, name, postgres, redis) for name in IN_ORDER)
    assert release.finished(*command_of("release")).returncode == 0
    assert release.variables["DATABASE_URL"] == url
    filled = web.finished("flask", "--app", "wsgi", "stocks", "generate", "--count", "250")
    assert filled.returncode == 0, filled.stderr
    with web.started() as served, scheduler.started(*command_of("scheduler")) as scheduled:
        check = image.config["Healthcheck"]["Test"][1:]
        wait_until(lambda: web.finished(*check).returncode == 0 or served.poll() is not None, PATIENCE)
        wait_until(lambda: all_fresh(web) or scheduled.poll() is not None, PATIENCE)
        for process in (served, scheduled):
            terminate(process)
            _, log = process.communicate(timeout=COMMAND_SECONDS)
            assert process.returncode == 0, log
