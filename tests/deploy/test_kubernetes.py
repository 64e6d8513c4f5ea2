"""The manifests of deploy/kubernetes: valid, and what its jobs and probes rely on is so."""

import re
from collections.abc import Iterator
from typing import Any

import kubernetes_validate  # type: ignore[import-untyped]
import pytest
import yaml

from tests.deploy.known_variables import KNOWN, REQUIRED
from tests.e2e.programs import PATIENCE, PROJECT, environment, finished, flask, gunicorn, started
from tests.e2e.web import serving
from tests.integration.bare_stocks import add_stocks
from tests.integration.meddling import wait_until
from tests.world import World
from vettr_cron.celery_engine.broker import STOP_SECONDS
from vettr_cron.jobs import JOBS
from vettr_cron.redis_store.groups import Groups
from vettr_cron.redis_store.leases import Leases

FOLDER = PROJECT / "deploy" / "kubernetes"


def objects(name: str) -> dict[str, Any]:
    """A manifest's objects, by kind and name."""
    documents = yaml.safe_load_all((FOLDER / name).read_text())
    return {f"{found['kind']}/{found['metadata']['name']}": found for found in documents}


WORKERS = objects("vettr-cron-workers.yaml")
OBJECTS = objects("vettr-cron.yaml") | WORKERS
SETTINGS = OBJECTS["ConfigMap/vettr-cron"]["data"]
DONE, FAILED, WRONG_USAGE = 0, 1, 2


def job_of(name: str) -> dict[str, Any]:
    found: dict[str, Any] = OBJECTS[name]["spec"]
    return found["jobTemplate"]["spec"] if name.startswith("CronJob/") else found


WORKLOADS = [name for name in OBJECTS if name.startswith(("Deployment/", "Job/", "CronJob/"))]
PODS = {name: job_of(name)["template"]["spec"] for name in WORKLOADS}
(WEB,) = PODS["Deployment/vettr-cron"]["containers"]
(WORKER,) = PODS["Deployment/vettr-cron-worker"]["containers"]
(REFRESH,) = PODS["CronJob/vettr-cron-refresh"]["containers"]


@pytest.fixture
def world(migrated_postgres_url: str, redis_url: str) -> Iterator[World]:
    world = World.make(migrated_postgres_url, redis_url)
    yield world
    world.close()


@pytest.mark.parametrize("version", ["1.30", "1.31", "1.33", "1.35", kubernetes_validate.latest_version()])
@pytest.mark.parametrize("name", OBJECTS)
def test_every_object_is_valid(name: str, version: str) -> None:
    kubernetes_validate.validate(OBJECTS[name], version, strict=True)


def test_a_misspelt_field_is_not_valid() -> None:
    wrong = OBJECTS["CronJob/vettr-cron-refresh"] | {"spec": {"concurrencypolicy": "Forbid"}}
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(wrong, "1.31", strict=True)


@pytest.mark.parametrize("name", PODS)
def test_a_pod_has_no_right_that_it_does_not_need(name: str) -> None:
    pod = PODS[name]
    (container,) = pod["containers"]
    assert pod["securityContext"] == {
        "runAsNonRoot": True, "runAsUser": 10001, "runAsGroup": 10001, "seccompProfile": {"type": "RuntimeDefault"},
    }  # fmt: skip
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False, "readOnlyRootFilesystem": True, "capabilities": {"drop": ["ALL"]},
    }  # fmt: skip
    assert pod["automountServiceAccountToken"] is False
    (volume,) = pod["volumes"]
    assert container["volumeMounts"] == [{"name": volume["name"], "mountPath": "/tmp"}]  # noqa: S108
    assert "emptyDir" in volume
    assert "memory" in container["resources"]["limits"]


def test_the_user_is_that_of_the_image() -> None:
    assert "\nUSER 10001:10001\n" in (PROJECT / "Dockerfile").read_text()


@pytest.mark.parametrize("name", PODS)
def test_a_pod_runs_the_same_image_on_the_same_settings(name: str) -> None:
    (container,) = PODS[name]["containers"]
    assert container["image"] == "vettr-cron"
    assert container["envFrom"] == [{"configMapRef": {"name": "vettr-cron"}}, {"secretRef": {"name": "vettr-cron"}}]
    assert "env" not in container


def test_the_settings_and_the_secret_are_what_the_service_reads() -> None:
    assert SETTINGS.keys() <= KNOWN
    page = (PROJECT / "docs/deploy/kubernetes.md").read_text()
    (command,) = re.findall(r"kubectl create secret generic vettr-cron(?:.*\\\n)*.*", page)
    assert set(re.findall(r"--from-literal=(\w+)=", command)) == REQUIRED


def test_workers_are_a_file_of_their_own_and_the_page_switches_to_them() -> None:
    assert list(WORKERS) == ["Deployment/vettr-cron-worker"]
    selector = WORKERS["Deployment/vettr-cron-worker"]["spec"]["selector"]["matchLabels"]
    labels = {name: job_of(name)["template"]["metadata"]["labels"] for name in WORKLOADS}
    assert [name for name, own in labels.items() if selector.items() <= own.items()] == list(WORKERS)
    assert SETTINGS["CRON_ENGINE"] == "threads"
    page = (PROJECT / "docs/deploy/workers.md").read_text()
    (script,) = re.findall(
        r'sed "([^"]*)" deploy/kubernetes/vettr-cron.yaml \\\n +deploy/kubernetes/vettr-cron-workers.yaml', page
    )
    given = [str(FOLDER / name) for name in ("vettr-cron.yaml", "vettr-cron-workers.yaml")]
    done = finished(["sed", script.replace("$IMAGE", "an.image:1").replace("\\$", "$"), *given], {})
    found = list(yaml.safe_load_all(done.stdout))
    assert len(found) == len(OBJECTS)
    assert next(each for each in found if each["kind"] == "ConfigMap")["data"]["CRON_ENGINE"] == "celery"
    assert done.stdout.count("image: an.image:1\n") == len(PODS)


def test_workers_do_the_refreshs_calls_and_end_in_time(world: World) -> None:
    add_stocks(world, 30)
    variables = environment(world, **SETTINGS | {"CRON_ENGINE": "celery"})
    groups = Groups(world.services.redis)
    with started(command(WORKER), variables) as worker:
        wait_until(groups.workers, PATIENCE)
        assert [str(each.processes) for each in groups.workers()] == WORKER["args"][-1:]
        assert WORKER["resources"]["requests"]["cpu"] == WORKER["args"][-1]
        done = finished(command(REFRESH), variables)
        assert done.returncode == 0, done.stderr
        worker.terminate()
        seconds = PODS["Deployment/vettr-cron-worker"]["terminationGracePeriodSeconds"]
        assert worker.wait(seconds) == 0
        assert seconds > STOP_SECONDS + 5
    assert len(world.table("vetr_score_history")) == 30


def test_a_call_is_expected_when_the_cronjob_makes_it() -> None:
    spec = OBJECTS["CronJob/vettr-cron-refresh"]["spec"]
    assert (spec["schedule"], spec["timeZone"]) == (SETTINGS["CRON_SCHEDULE"], SETTINGS["CRON_SCHEDULE_TZ"])


def test_the_selectors_find_the_web_pods_alone() -> None:
    selected = OBJECTS["Service/vettr-cron"]["spec"]["selector"]
    assert selected == OBJECTS["Deployment/vettr-cron"]["spec"]["selector"]["matchLabels"]
    labels = {name: job_of(name)["template"]["metadata"]["labels"] for name in WORKLOADS}
    assert [name for name, own in labels.items() if selected.items() <= own.items()] == ["Deployment/vettr-cron"]
    (port,) = OBJECTS["Service/vettr-cron"]["spec"]["ports"]
    assert port["targetPort"] == WEB["ports"][0]["name"] == "http"


@pytest.mark.parametrize("name", [name for name in WORKLOADS if not name.startswith("Deployment/")])
def test_a_job_ends_for_good(name: str) -> None:
    job = job_of(name)
    assert job["template"]["spec"]["restartPolicy"] == "Never"
    assert 0 < job["backoffLimit"] <= 4
    assert job["activeDeadlineSeconds"] <= 3600
    if name.startswith("CronJob/"):
        spec = OBJECTS[name]["spec"]
        assert spec["concurrencyPolicy"] == "Forbid"
        assert 10 < spec["startingDeadlineSeconds"] < 6 * 3600


def test_its_commands_do_what_the_jobs_rely_on(world: World, postgres_url: str) -> None:
    tickers = add_stocks(world, 30)
    (release,) = PODS["Job/vettr-cron-release"]["containers"]
    (cleanup,) = PODS["CronJob/vettr-cron-cleanup"]["containers"]
    variables = environment(world, **SETTINGS)
    done = finished(command(release), {**variables, "DATABASE_URL": postgres_url})
    assert done.returncode == 0, done.stderr
    for container in (release, REFRESH, cleanup):
        done = finished(command(container), variables)
        assert done.returncode == 0, done.stderr
    assert sorted(row["stock_ticker"] for row in world.table("vetr_score_history")) == tickers


def test_what_trying_again_does_not_help_ends_the_job_and_what_it_may_help_does_not(world: World) -> None:
    rules = job_of("CronJob/vettr-cron-refresh")["podFailurePolicy"]["rules"]
    (ends,) = [rule["onExitCodes"] for rule in rules if rule["action"] == "FailJob"]
    assert (ends["containerName"], ends["operator"]) == (REFRESH["name"], "In")
    variables = environment(world, **SETTINGS)
    with_no_redis = {**variables, "REDIS_URL": "redis://127.0.0.1:1/0"}
    Leases(world.redis, 30).acquire(next(iter(JOBS)))
    calls = {
        DONE: finished(command(REFRESH), variables),  # another call is running: it is skipped
        WRONG_USAGE: finished([*command(REFRESH), "--chunks", "none"], variables),
        FAILED: finished(command(REFRESH), with_no_redis),
    }
    assert [done.returncode for done in calls.values()] == list(calls)
    assert ends["values"] == [WRONG_USAGE]
    # A pod that was evicted is replaced; that rule comes first, as the first one that fits counts.
    assert (rules[0]["action"], rules[0]["onPodConditions"][0]["type"]) == ("Ignore", "DisruptionTarget")


def test_the_probes_ask_what_answers_and_calls_have_the_time_to_end(world: World) -> None:
    assert gunicorn()[-1:] == WEB["args"][1:]
    assert WEB["ports"][0]["containerPort"] == 8000
    with serving(world, SETTINGS) as web:
        for kind, path in (("startup", "/healthz"), ("liveness", "/healthz"), ("readiness", "/readyz")):
            probe = WEB[f"{kind}Probe"]["httpGet"]
            assert probe == {"path": path, "port": "http"}
            assert web.call(path, secret="").status == 200
    kind, seconds = WEB["lifecycle"]["preStop"]["exec"]["command"]
    gunicorn_says = (PROJECT / "gunicorn.conf.py").read_text()
    graceful = int(re.findall(r"^graceful_timeout = (\d+)", gunicorn_says, re.MULTILINE)[0])
    assert kind == "sleep"
    assert PODS["Deployment/vettr-cron"]["terminationGracePeriodSeconds"] > int(seconds) + graceful + 5


def test_a_pod_whose_database_is_not_migrated_is_alive_but_not_ready(postgres_url: str, redis_url: str) -> None:
    strategy = OBJECTS["Deployment/vettr-cron"]["spec"]["strategy"]["rollingUpdate"]
    assert (strategy["maxUnavailable"], strategy["maxSurge"]) == (0, 1)  # those of the release before go on
    world = World.make(postgres_url, redis_url)
    try:
        assert world.client.get(WEB["livenessProbe"]["httpGet"]["path"]).status_code == 200
        assert world.client.get(WEB["readinessProbe"]["httpGet"]["path"]).status_code == 503
    finally:
        world.close()


def command(container: dict[str, Any]) -> list[str]:
    program, *words = container["args"]
    assert (program, words[:2]) == ("flask", ["--app", "wsgi"])
    return flask(*words[2:])
