"""Whatever bytes come over a socket, every reply is the service's own, and the service goes on."""

import json
import re
import shutil
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, seed, settings
from hypothesis import strategies as st

from tests.chaos.rounds import ROUNDS, SEED
from tests.e2e.web import Web, serving
from tests.integration.bare_stocks import add_stocks
from tests.integration.meddling import wait_until
from tests.integration.replies import HEADERS, TIME
from tests.servers.redis_server import PrivateRedis
from tests.world import SECRET, World

EXAMPLES = 30 * ROUNDS
STOCKS = 3
WORKERS = 2
INTERNALS = (b"Traceback", b"SELECT ", b"INSERT ", b"sqlalchemy", b"site-packages", b".py", b"<html", SECRET.encode())

BEARER = f"Authorization: Bearer {SECRET}".encode()
LINES = (
    *(
        b"GET /healthz HTTP/1.1",
        b"POST /v1/cron/reset HTTP/1.1",
        b"GET /v1/cron/status HTTP/1.1",
        b"BREW /readyz HTTP/1.1",
    ),
    *(b"POST /v1/cron/scores?chunk_size=1 HTTP/1.1", b"HEAD /readyz HTTP/1.0", b"PUT /v1/cron/history HTTP/1.1"),
    *(b"GET http://evil.example/healthz HTTP/1.1", b"CONNECT x:1 HTTP/1.1", b"PRI * HTTP/2.0", b"OPTIONS * HTTP/1.1"),
)
FIELDS = (
    *(BEARER, BEARER, BEARER, BEARER, b"Authorization: Bearer \xff\xfe", b"Authorization: Bearer wrong", b"Host: x"),
    *(
        b"Connection: keep-alive",
        b"Connection: close",
        b"Expect: 100-continue",
        b"Content-Length: 2",
        b"Content-Length: 99",
    ),
    *(
        b"Content-Type: application/json",
        b"Content-Type: application/x-www-form-urlencoded",
        b"Transfer-Encoding: chunked",
    ),
    *(b"SCRIPT_NAME: /x", b"X-Forwarded-Proto: https", b"X-Request-Id: \xff", b"X-Request-Id: mine", b"Upgrade: h2c"),
)
STRANGE_FIELDS = (
    *(
        b"Transfer-Encoding: gzip, chunked",
        b"Transfer-Encoding: identity",
        b"Content-Length: \xb2",
        b"Content-Length: +1",
    ),
    *(b"X-Long: " + b"x" * 9000, b"no colon", b": no name", b" folded", b"Expect: x", b"X: \x00"),
)
BODIES = (
    b"",
    b"{}",
    b'{"job":"scores"}',
    b"job=scores",
    b"2\r\n{}\r\n0\r\n\r\n",
    b"ffffffff\r\n",
    b"0\r\nX: y\r\n\r\n",
    b"z",
)

written = st.builds(
    lambda line, fields, body: b"\r\n".join([line, *fields, b"", body]),
    st.sampled_from(LINES),
    st.builds(
        lambda fields, strange: [*fields, *strange],
        st.lists(st.sampled_from(FIELDS), max_size=6),
        st.lists(st.sampled_from(STRANGE_FIELDS) | st.binary(max_size=12), max_size=1),
    ),
    st.sampled_from(BODIES) | st.binary(max_size=30),
)
broken = st.builds(
    lambda raw, start, length, instead: raw[:start] + instead + raw[start + length :],
    written,
    st.integers(0, 80),
    st.integers(0, 4),
    st.binary(max_size=4) | st.sampled_from([b"\r", b"\n", b"\r\n", b"\x00", b" ", b":", b"%00", b"\xff"]),
)
conversations = st.one_of(written, broken, broken, st.lists(written, min_size=2, max_size=3).map(b"".join), st.binary())


@pytest.fixture(scope="module")
def world(migrated_file: Path, tmp_path_factory: pytest.TempPathFactory, redis_server: PrivateRedis) -> Iterator[World]:
    path = shutil.copy(migrated_file, tmp_path_factory.mktemp("fuzz"))
    world = World.make(f"sqlite:///{path}", redis_server.url)
    world.redis.flushdb()
    add_stocks(world, STOCKS)
    yield world
    world.close()


def test_any_bytes_are_answered_in_the_shape_of_the_service(world: World) -> None:
    print(f"CHAOS_SEED={SEED}: {EXAMPLES} conversations")
    seen: Counter[int] = Counter()
    with serving(world, {"WEB_CONCURRENCY": str(WORKERS)}) as web:
        wait_until(lambda: len(web.workers()) == WORKERS)

        @seed(SEED)
        @settings(max_examples=EXAMPLES, database=None, suppress_health_check=list(HealthCheck))
        @given(conversations)
        @example(b"")
        def answers(raw: bytes) -> None:
            seen.update(check_replies(answer(web, raw), known=SECRET.encode() in raw))

        answers()
        print(f"replies: {dict(seen)}")
        assert seen.keys() >= {200, 400, 401, 404, 405}  # the fuzzer comes through to all of it
        assert web.call("/readyz").status == 200
        assert len(web.workers()) == WORKERS  # nobody had to start another
        log = web.log.read_text()
    assert not [word for word in ("Traceback", SECRET) if word in log]
    for name in ("scores", "red-flags"):
        assert 0 <= int(world.redis.get(f"cron:{name}:offset") or 0) < STOCKS
    assert len(world.tickers()) == STOCKS
    assert {run["status"] for run in world.table("cron_job_runs")} <= {"completed"}


def answer(web: Web, raw: bytes) -> bytes:
    with suppress(ConnectionError):  # a connection that is given up in the middle of what comes over it
        return web.send(raw)
    return b""


def check_replies(raw: bytes, *, known: bool) -> list[int]:
    """The status of each reply there is, one behind the other; those to HEAD have no body."""
    assert not [word for word in INTERNALS if word in raw]
    statuses = []
    while raw:
        head, separator, rest = raw.partition(b"\r\n\r\n")
        assert separator
        line, *fields = head.decode("latin-1").split("\r\n")
        matched = re.fullmatch(r"HTTP/1\.[01] (\d{3}) [A-Z' ]+", line, re.IGNORECASE)
        assert matched, line
        status, raw = int(matched[1]), rest
        if status == 100:
            continue
        statuses.append(status)
        headers = dict(field.split(": ", 1) for field in fields)
        assert status < 500
        assert {name: headers.get(name) for name in HEADERS} == HEADERS
        if rest.startswith(b"{"):
            length = int(headers["Content-Length"])
            check_body(json.loads(rest[:length]), status, headers["X-Request-Id"])
            raw = rest[length:]
            assert known or b'"job"' not in rest[:length]
    return statuses


def check_body(body: Any, status: int, request_id: str) -> None:
    assert body["success"] is (status == 200)
    assert body.keys() == {"success", "data" if body["success"] else "error", "meta"}
    assert TIME.fullmatch(body["meta"]["timestamp"])
    assert body["meta"]["request_id"] == request_id
    assert body["success"] or body["error"].keys() - {"details"} == {"code", "message"}
