"""deploy/prometheus: the alert rules, tried by promtool, and by a real Prometheus that scrapes a real service."""

import json
import re
import subprocess
from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta
from http.client import HTTPConnection
from pathlib import Path
from signal import SIGTERM
from typing import Any
from urllib.parse import urlencode

import pytest
import yaml

from tests.e2e.programs import PATIENCE, PROJECT, free_port
from tests.e2e.web import Web, serving
from tests.integration.bare_stocks import add_stocks
from tests.integration.meddling import wait_until
from tests.integration.past_runs import add_calls
from tests.servers.redis_server import PrivateRedis, flush
from tests.servers.supervised import SupervisedServer
from tests.tools import needed
from tests.world import World, migrate_database
from vettr_cron.redis_store.leases import Leases

FOLDER = PROJECT / "deploy" / "prometheus"
RULES = FOLDER / "vettr-cron.rules.yaml"
TOKEN = "read the figures and nothing else"


def alerts() -> list[Any]:
    (group,) = yaml.safe_load(RULES.read_text())["groups"]
    return list(group["rules"])


def promtool(*words: str) -> None:
    command = [needed("promtool", "prometheus"), *words]
    done = subprocess.run(command, check=False, capture_output=True, text=True, cwd=FOLDER)
    assert done.returncode == 0, done.stdout + done.stderr


def test_promtool_finds_nothing_wrong_with_the_rules() -> None:
    promtool("check", "rules", RULES.name)


def test_the_rules_raise_what_their_tests_say() -> None:
    promtool("test", "rules", "vettr-cron.rules.test.yaml")


def test_every_alert_is_raised_in_some_test_of_the_rules() -> None:
    tests = (FOLDER / "vettr-cron.rules.test.yaml").read_text()
    assert [rule["alert"] for rule in alerts() if not re.search(rf"\b{rule['alert']}\b", tests)] == []


def test_every_alert_says_in_a_sentence_what_to_do() -> None:
    for rule in alerts():
        assert rule["annotations"].keys() == {"summary", "description"}
        assert rule["annotations"]["description"].endswith(".")


class Prometheus(SupervisedServer):
    """The example's configuration, for a service on this machine; no rule waits until it raises its alert."""

    def __init__(self, web: Web) -> None:
        self._program = needed("prometheus")
        super().__init__(SIGTERM)
        self._port = free_port()
        (self.folder / "token").write_text(f"{TOKEN}\n")
        given = (FOLDER / "prometheus.example.yml").read_text()
        replaced = {
            "scheme: https": "scheme: http",
            "scrape_interval: 1m": "scrape_interval: 5s",
            "scrape_timeout: 20s": "scrape_timeout: 5s",
            "/etc/prometheus/vettr-cron.token": str(self.folder / "token"),
            "your-app.example": f"127.0.0.1:{web.port}",
        }
        for old, new in replaced.items():
            assert old in given
            given = given.replace(old, new)
        (self.folder / "prometheus.yml").write_text(f"global: {{evaluation_interval: 1s}}\n{given}")
        (self.folder / RULES.name).write_text(re.sub("for: .*", "for: 0s", RULES.read_text()))

    def command(self) -> list[str]:
        address = f"--web.listen-address=127.0.0.1:{self._port}"
        return [self._program, "--config.file=prometheus.yml", "--storage.tsdb.path=data", address]

    def answers(self) -> bool:
        try:
            return bool(self.asked("query", query="1"))
        except OSError:
            return False

    def asked(self, path: str, **parameters: str) -> Any:
        with closing(HTTPConnection("127.0.0.1", self._port, timeout=PATIENCE)) as connection:
            connection.request("GET", f"/api/v1/{path}?{urlencode(parameters)}")
            text = connection.getresponse().read()
        return json.loads(text)["data"] if text.startswith(b"{") else None

    def firing(self) -> set[tuple[str, str]]:
        """The alerts that fire, each with the job that it is about."""
        raised = self.asked("alerts")["alerts"]
        return {
            (each["labels"]["alertname"], each["labels"].get("exported_job", ""))
            for each in raised
            if each["state"] == "firing"
        }

    def labels(self, metric: str) -> set[str]:
        found = self.asked("query", query=metric)["result"]
        return set().union(*(each["metric"] for each in found)) - {"__name__"}


@pytest.fixture
def world(tmp_path: Path, redis_server: PrivateRedis) -> Iterator[World]:
    flush(redis_server.url)
    url = f"sqlite:///{tmp_path / 'vettr.db'}"
    migrate_database(url)
    with closing(World.make(url, redis_server.url)) as world:
        yield world


@pytest.fixture
def web(world: World) -> Iterator[Web]:
    with serving(world, {"METRICS_TOKEN": TOKEN, "CRON_SCHEDULE": "0 * * * *", "WEB_CONCURRENCY": "1"}) as web:
        yield web


def test_a_prometheus_that_scrapes_an_empty_service_tells_of_its_emptiness_alone(web: Web) -> None:
    with Prometheus(web).running() as prometheus:
        wait_until(lambda: prometheus.labels("vettr_cron_universe_stocks"), PATIENCE)
        wait_until(lambda: prometheus.firing() == {("VettrCronNoStocks", "")}, PATIENCE)


def test_a_prometheus_knows_every_figure_of_the_rules_and_raises_what_is_wrong(world: World, web: Web) -> None:
    add_stocks(world, 10, unscorable=1)
    add_calls(world, 1, timedelta(), ago=timedelta(hours=9))
    world.data("red-flags")
    lease = Leases(world.redis, 600).acquire("red-flags")
    names = set(re.findall(r"\bvettr_cron_\w+", str([rule["expr"] for rule in alerts()])))
    names -= {"vettr_cron_workers"}  # threads have none; what there is to say of them is in test_monitoring.py
    with Prometheus(web).running() as prometheus:
        wait_until(lambda: prometheus.labels("vettr_cron_universe_stocks"), PATIENCE)
        own = {"job", "instance"}
        expected = {name: own | {"exported_job"} for name in names}
        expected |= {"vettr_cron_universe_stocks": own, "vettr_cron_stocks": own | {"exported_job", "state"}}
        assert {name: prometheus.labels(name) for name in names} == expected
        wait_until(lambda: ("VettrCronLate", "scores") in prometheus.firing(), PATIENCE)
        assert ("VettrCronLate", "red-flags") not in prometheus.firing()
        world.data("scores")
        wait_until(lambda: ("VettrCronStocksFail", "scores") in prometheus.firing(), PATIENCE)
        wait_until(lambda: ("VettrCronLate", "scores") not in prometheus.firing(), PATIENCE)
        web.process.terminate()
        wait_until(lambda: ("VettrCronDown", "") in prometheus.firing(), PATIENCE)
    assert lease
