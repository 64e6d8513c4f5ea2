"""Requests that are made up from the OpenAPI document, right ones and wrong ones: each reply is as it says."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import schemathesis
from schemathesis.config import SchemathesisConfig
from schemathesis.engine import events, from_schema
from werkzeug.serving import make_server

from tests.chaos.rounds import ROUNDS, SEED
from tests.integration.bare_stocks import add_stocks
from tests.integration.documented import operations
from tests.world import SECRET, World

EXAMPLES = max(ROUNDS // 4, 2)
CHECKS = {
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_headers_conformance",
    "response_schema_conformance",
    "negative_data_rejection",
    "positive_data_acceptance",
    "unsupported_method",
    "ignored_auth",
}
# Why a request may be refused whose every parameter is right by itself: no schema of one parameter can tell.
TOGETHER = (
    "is given more than once",
    "there are no stocks with these tickers",
    "there is no run with this id",
    "there is no call with this id",
    "is required with stocks",
    "is required with reason",
    "cannot be combined with tickers",
    "different tickers, separated by commas",
)


@contextmanager
def served(world: World) -> Iterator[str]:
    """The service over HTTP; its address."""
    server = make_server("127.0.0.1", 0, world.app, threaded=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def failures(scenario: events.ScenarioFinished) -> Iterator[str]:
    """What a check found, and the request that shows it."""
    for case, checks in scenario.recorder.checks.items():
        response = scenario.recorder.interactions[case].response
        body = response.content.decode(errors="replace") if response else ""
        for check in checks:
            excused = check.name == "positive_data_acceptance" and any(reason in body for reason in TOGETHER)
            if check.failure_info and not excused:
                yield f"{check.name}: {check.failure_info.failure.message}\n{check.failure_info.code_sample}\n{body}"


def test_every_generated_request_gets_a_documented_reply(sqlite_world: World) -> None:
    add_stocks(sqlite_world, 3)
    found: list[str] = []
    called, checked = set(), set()
    with served(sqlite_world) as address:
        schema: Any = schemathesis.openapi.from_url(f"{address}/openapi.json", config=SchemathesisConfig(seed=SEED))
        schema.config.update(headers={"Authorization": f"Bearer {SECRET}"}, workers=1)
        schema.config.generation.update(max_examples=EXAMPLES)
        for event in from_schema(schema).execute():
            assert not isinstance(event, events.NonFatalError | events.FatalError), event
            if isinstance(event, events.ScenarioFinished):
                found += failures(event)
                called.add(event.recorder.label)
                checked |= {check.name for checks in event.recorder.checks.values() for check in checks}
    assert found == []
    called.add("GET /openapi.json")  # left out by schemathesis, which has read it from there
    assert called >= {f"{method} {path}" for path, method in operations()}
    assert checked >= CHECKS
