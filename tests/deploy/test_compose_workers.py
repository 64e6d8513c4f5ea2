"""The profile `celery` of compose.yaml: its worker does the scheduler's calls, in the image with Celery."""

from collections.abc import Iterator

import pytest

from tests.deploy.compose_file import compose
from tests.deploy.compose_services import (
    COMMAND_SECONDS,
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
from tests.deploy.loopback import LoopbackPostgres
from tests.e2e.programs import PATIENCE
from tests.integration.meddling import wait_until

MOST_BYTES = 150_000_000


@pytest.fixture(scope="module")
def image_with_celery() -> Iterator[Image]:
    with built_image(WITH_WORKERS["REQUIREMENTS"]) as image:
        yield image


def test_the_image_with_celery_adds_less_than_150_mb_to_its_base(image_with_celery: Image) -> None:
    print(f"over its base: {image_with_celery.bytes_over_base / 1e6:.0f} MB")
    assert image_with_celery.bytes_over_base < MOST_BYTES


def test_with_its_profile_a_worker_does_the_schedulers_calls(
    image_with_celery: Image, postgres: LoopbackPostgres, redis: RedisOfTheFile
) -> None:
    own = compose(SECRETS)["services"]["postgres"]["environment"]
    postgres.create_own_database(own["POSTGRES_USER"], own["POSTGRES_PASSWORD"], own["POSTGRES_DB"])
    release, web, scheduler, worker = (
        service(image_with_celery, name, postgres, redis, **WITH_WORKERS) for name in OURS
    )
    assert release.finished(*command_of("release")).returncode == 0
    filled = web.finished("flask", "--app", "wsgi", "stocks", "generate", "--count", "250")
    assert filled.returncode == 0, filled.stderr
    with worker.started(*command_of("worker")) as working, scheduler.started(*command_of("scheduler")) as scheduled:
        ended = (working, scheduled)
        wait_until(lambda: all_fresh(web) or any(each.poll() is not None for each in ended), PATIENCE)
        for process in (scheduled, working):
            terminate(process)
            _, log = process.communicate(timeout=COMMAND_SECONDS)
            assert process.returncode == 0, log
