"""Every path's real replies are as the OpenAPI document says, of every status that it states for the path."""

import re
from collections.abc import Callable, Iterator
from dataclasses import fields, replace
from uuid import uuid4

import pytest
from werkzeug.test import TestResponse

from tests.integration.bare_stocks import add_stocks
from tests.integration.broken_service import Broken
from tests.integration.documented import assert_as_documented, operations, stated_replies
from tests.jobs import THE_TWO
from tests.world import SECRET, World
from vettr_cron.redis_store.leases import Lease, Leases
from vettr_cron.registry import EXTENSION, Services

WIRING = {"settings", "database", "shutdown"}
NO_DATABASE, NO_REDIS = "postgresql://127.0.0.1:1/none", "redis://127.0.0.1:1"
WORKING = {f"/v1/cron/{name}" for name in (*THE_TWO, "refresh-all")}
# No bug can be put where there is no use case behind the path.
NOT_PRODUCED = {(path, "500") for path in ("/healthz", "/openapi.json", "/docs", "/docs/{name}")}
NAMES = {"{name}": ["start.js", "nothing.js"], "{run_id}": ["<run>", str(uuid4())], "{ticker}": ["T00000", "nothing"]}
REQUIRED = {"/v1/cron/stocks": "?search=T"}  # parameters without which there is no other reply than 422
per_operation = pytest.mark.parametrize(("path", "method"), operations())


@pytest.fixture
def worlds(sqlite_world: World) -> Iterator[dict[str, World]]:
    """A service that works, one full of bugs, one without servers, and one without a secret."""
    add_stocks(sqlite_world, 3)
    broken = World.make(sqlite_world.database_url, sqlite_world.redis_url)
    bugs = {field.name: Broken() for field in fields(Services) if field.name not in WIRING}
    broken.app.extensions[EXTENSION] = replace(broken.services, **bugs)  # type: ignore[arg-type]
    lonely = World.make(NO_DATABASE, NO_REDIS)
    open_world = World.make(sqlite_world.database_url, sqlite_world.redis_url, cron_secret=None)
    yield {"working": sqlite_world, "broken": broken, "lonely": lonely, "open": open_world}
    for world in (broken, lonely, open_world):
        world.close()


def concrete(world: World, path: str) -> list[str]:
    """The path with something that is there, and something that is not, for a variable in it."""
    found = re.search(r"{\w+}", path)
    if not found:
        return [path + REQUIRED.get(path, "")]
    run = world.data("scores?chunk_size=1")["run_id"]
    return [path.replace(found[0], name.replace("<run>", run)) for name in NAMES[found[0]]]


def call(world: World, path: str, method: str, **options: object) -> TestResponse:
    headers = {"Authorization": f"Bearer {SECRET}"}
    return world.client.open(path, method=method, buffered=True, **{"headers": headers, **options})  # type: ignore[arg-type]


def replies(worlds: dict[str, World], path: str, method: str) -> Iterator[TestResponse]:
    """What the path answers in good times and in bad."""
    working = worlds["working"]
    ask: Callable[..., TestResponse] = lambda *args, **options: call(args[0], args[1], method, **options)  # noqa: E731
    first, *others = concrete(working, path)
    yield ask(working, first)
    yield from (ask(working, other) for other in others)
    if "304" in stated_replies(path, method):
        yield ask(working, first, headers={"Authorization": f"Bearer {SECRET}", "If-None-Match": "*"})
    yield ask(working, first, headers={})
    yield ask(working, f"{first.partition('?')[0]}?nonsense=1")
    yield ask(working, first, environ_overrides={"HTTP_HOST": ".."})
    yield ask(working, first, data=b"x" * 70_000, content_type="text/plain")
    yield ask(working, first, data=b"x", content_type="text/plain")
    yield ask(working, first, data=b"{", content_type="application/json")
    yield ask(worlds["broken"], first)
    yield ask(worlds["lonely"], first)
    yield ask(worlds["open"], first, headers={"Host": "elsewhere.example"})
    if path in WORKING:
        leases = [Leases(working.redis, 30).acquire(job) for job in THE_TWO]
        yield ask(working, first)
        yield ask(working, first, query_string="on_conflict=error")
        yield ask(working, first, query_string="dry_run=1")
        working.redis.delete(*(lease.key for lease in leases if isinstance(lease, Lease)))
        add_stocks_that_fail(working)
        yield ask(working, first, query_string="tickers=" + ",".join(f"F{number}" for number in range(10)))
        yield ask(working, "/v1/cron/history") if method == "GET" else ask(working, first)


def add_stocks_that_fail(world: World) -> None:
    tickers = [f"F{number}" for number in range(10)]
    infinity = float("inf")
    rows = [
        {"id": uuid4(), "ticker": name, "name": name, "exchange": "TSX", "sector": "Mining", "price": infinity}
        for name in tickers
    ]
    world.add("stocks", *({**row, "market_cap": infinity} for row in rows))


@per_operation
def test_documented_replies_are_exactly_the_real_ones(worlds: dict[str, World], path: str, method: str) -> None:
    seen = set()
    for response in replies(worlds, path, method):
        assert_as_documented(response)
        if response.request.path.count("/") == path.count("/"):
            seen.add((path, str(response.status_code)))
    stated = {(path, status) for status in stated_replies(path, method)}
    assert stated - seen <= NOT_PRODUCED
    assert seen - stated == set()


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "DELETE", "PATCH", "HEAD", "OPTIONS"])
@pytest.mark.parametrize("path", ["/nothing", "/v1/cron/nothing", "/v1/cron/scores", "/v1/cron/status", "/healthz"])
def test_unknown_paths_and_other_methods_are_answered_as_stated(sqlite_world: World, path: str, method: str) -> None:
    response = call(sqlite_world, path, method)
    if method != "HEAD":
        assert_as_documented(response)


def test_pauses_failures_and_running_runs_look_as_documented(world: World) -> None:
    add_stocks(world, 20, unscorable=2)
    for path in ("scores?chunk_size=20", "pause?job=scores&reason=why", "scores", "scores?dry_run=1", "status"):
        assert_as_documented(world.call(path, "POST" if path.startswith("pause") else "GET"))
    for path in ("history", "failures", "coverage", "coverage?job=scores&stocks=fresh&limit=1", "cleanup?dry_run=1"):
        assert_as_documented(world.call(path))
    running = {"id": uuid4(), "job_name": "refresh-red-flags", "status": "running"}
    world.add("cron_job_runs", running)
    lease = Leases(world.redis, 30)
    held = lease.acquire("red-flags")
    assert lease.renew(held, str(running["id"]))  # type: ignore[arg-type]
    for path in ("status", "history", "red-flags", "red-flags?dry_run=1", "refresh-all?on_conflict=error"):
        assert_as_documented(world.call(path))


def test_a_reply_that_is_not_as_stated_is_found(sqlite_world: World) -> None:
    """The check itself: one more field, one field less, another status."""
    response = sqlite_world.client.get("/healthz")
    for body, status in (
        ({"success": True, "data": {"status": "ok", "more": 1}, "meta": response.get_json()["meta"]}, 200),
        ({"success": True, "data": {}, "meta": response.get_json()["meta"]}, 200),
        (response.get_json(), 503),
    ):
        changed = TestResponse(
            iter([sqlite_world.app.json.dumps(body).encode()]), str(status), response.headers, response.request
        )
        with pytest.raises(Exception, match=r"(?s)Failed|required|not state|unexpected|Additional"):
            assert_as_documented(changed)
