"""Whatever is sent to the application, it answers in its own shape, tells no internals and stays as it should be."""

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import quote

from hypothesis import HealthCheck, example, given, seed, settings
from hypothesis import strategies as st
from werkzeug.test import EnvironBuilder, run_wsgi_app
from werkzeug.wrappers import Response

from tests.chaos.rounds import ROUNDS, SEED
from tests.integration.bare_stocks import add_stocks
from tests.integration.replies import HEADERS, TIME
from tests.world import SECRET, World

EXAMPLES = 40 * ROUNDS
STOCKS = 3
TOO_DEEP = b"[" * 16_000  # for Python's parser
INTERNALS = ("Traceback", "SELECT ", "INSERT ", "sqlalchemy", "psycopg", "werkzeug", "site-packages", ".py", SECRET)

NAMES = (
    "scores",
    "red-flags",
    "refresh-all",
    "reset",
    "status",
    "history",
    "cleanup",
    "coverage",
    "failures",
    "pause",
    "resume",
    "stocks",
    "stocks/T00000",
    "overview",
    "activity",
)
PATHS = (*(f"/v1/cron/{name}" for name in NAMES), "/v1/cron", "/healthz", "/readyz", "/")
PARAMETERS = (
    "chunk_size",
    "chunks",
    "on_conflict",
    "limit",
    "job",
    "status",
    "before",
    "runs_days",
    "calls_days",
    "days",
    "dry_run",
    "tickers",
    "reason",
    "only",
    "max_age",
    "stocks",
    "after",
    "search",
)
# Values that are right somewhere, and those that are wrong nearly everywhere.
VALUES = (
    *("1", "2", "100", "10000", "all", "skip", "error", "scores", "red-flags", "running", "completed", "failed"),
    *(
        "",
        "0",
        "-1",
        "-0",
        "1e3",
        "1_000",
        "0x1",
        "NaN",
        "inf",
        "٣",
        "\uff11",
        "²",
        " 1",
        "1\n",
        "\x00",
        "1\x00",
        "null",
    ),
    *(
        "9" * 12,
        "9" * 30,
        "9" * 5000,
        "00000000-0000-0000-0000-000000000000",
        "{" + "0" * 32 + "}",
        "urn:uuid:" + "0" * 32,
    ),
    *("' OR 1=1 --", "../../etc/passwd", "<script>", "${7*7}", "\ud800", "\u202e", "ﬁ", "İ", "%00", "%"),
)

bytes_as_text = st.binary(max_size=40).map(lambda raw: raw.decode("latin-1"))  # as WSGI hands over what is sent
values = st.sampled_from(VALUES) | st.text(max_size=20) | st.integers().map(str)
names = (
    st.sampled_from((*PARAMETERS, "\ud800"))
    | st.sampled_from([f"{name}[]" for name in PARAMETERS])
    | st.text(max_size=10)
)
pieces = st.sampled_from(
    ["/", "//", "/.", "/..", "%2f", "%00", "\x00", "\\", ";", "?", "#", "é", "%", "\xff", "\r\n", " "]
)
mutated = st.tuples(st.sampled_from(PATHS), pieces | bytes_as_text, st.integers(0, 20)).map(
    lambda parts: parts[0][: parts[2]] + parts[1] + parts[0][parts[2] :]
)
paths = st.sampled_from(PATHS) | mutated | bytes_as_text | st.integers(1, 9000).map(lambda length: "/" + "x" * length)
queries = st.lists(st.tuples(names, values), max_size=4).map(
    lambda pairs: "&".join(f"{_quoted(name)}={_quoted(value)}" for name, value in pairs)
) | st.text(st.characters(max_codepoint=255), max_size=30)
methods = st.sampled_from(
    ["GET", "POST", "GET", "POST", "HEAD", "PUT", "DELETE", "OPTIONS", "TRACE", "BREW"]
) | st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=10)
authorizations = st.one_of(
    st.just(f"Bearer {SECRET}"),
    st.just(f"Bearer {SECRET}"),
    st.none(),
    st.just("Bearer wrong"),
    bytes_as_text.map(lambda token: f"Bearer {token}"),
    bytes_as_text,
)
content_types = st.sampled_from(
    [
        *(
            "application/json",
            "application/x-www-form-urlencoded",
            "application/json; charset=utf-16",
            "text/plain",
            "",
        ),
        *("multipart/form-data; boundary=b", "multipart/form-data", "multipart/form-data; boundary=\xff", "*/*", ";;="),
    ]
)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | values,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=3),
    max_leaves=8,
)
json_bodies = st.one_of(
    st.dictionaries(names, json_values, max_size=4).map(json.dumps),
    json_values.map(json.dumps),
    st.sampled_from([1, 900, 1000, 3000, 8000]).map(lambda depth: '{"chunks":' + "[" * depth + "]" * depth + "}"),
    st.sampled_from([1, 900, 1000, 3000, 8000]).map(lambda depth: '{"a":' * depth),
    st.integers(1, 9000).map(lambda digits: '{"chunk_size":' + "9" * digits + "}"),
).map(lambda text: text.encode("utf-8", "surrogatepass"))
multipart = st.lists(st.tuples(bytes_as_text, bytes_as_text), max_size=3).map(
    lambda fields: (
        b"".join(
            f'--b\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'.encode("latin-1")
            for name, value in fields
        )
        + b"--b--\r\n"
    )
)
bodies = st.one_of(
    st.just(b""),
    json_bodies,
    queries.map(lambda text: text.encode("utf-8", "surrogatepass")),
    multipart,
    st.binary(max_size=200),
    st.sampled_from([65_536, 65_537, 70_000]).map(lambda length: b"x=" + b"y" * (length - 2)),
)
headers = st.dictionaries(
    st.sampled_from(
        [
            *("X_REQUEST_ID", "HOST", "ACCEPT", "COOKIE", "EXPECT", "RANGE", "IF_MATCH", "IF_MODIFIED_SINCE", "TE"),
            *("X_FORWARDED_HOST", "X_FORWARDED_PROTO", "X_HTTP_METHOD_OVERRIDE", "TRANSFER_ENCODING", "UPGRADE"),
        ]
    ).map("HTTP_{}".format),
    bytes_as_text | st.sampled_from(["a" * 200, "find-me", "x\r\nX-Evil: 1", "evil.example", "chunked", "DELETE"]),
    max_size=3,
)


@dataclass(frozen=True, slots=True)
class Sent:
    """One request, as a server would hand it over."""

    method: str
    path: str
    query: str
    authorization: str | None
    content_type: str
    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)
    length: str | None = None

    @property
    def known(self) -> bool:
        """Whether its sender may come in."""
        scheme, _, token = (self.authorization or "").strip().partition(" ")
        return scheme.lower() == "bearer" and token.strip() == SECRET

    def to(self, world: World) -> Response:
        environ = EnvironBuilder(method="POST", data=self.body).get_environ()
        environ |= {"REQUEST_METHOD": self.method, "PATH_INFO": self.path, "CONTENT_TYPE": self.content_type}
        environ |= {"QUERY_STRING": self.query.encode("utf-8", "replace").decode("latin-1"), **self.headers}
        environ |= {} if self.authorization is None else {"HTTP_AUTHORIZATION": self.authorization}
        environ |= {} if self.length is None else {"CONTENT_LENGTH": self.length}
        environ["wsgi.input_terminated"] = True  # as gunicorn says
        return Response(*run_wsgi_app(world.app, environ, buffered=True))


lengths = st.sampled_from([None, None, None, "0", "5", "-1", "99999999999", "x", "", "٣", " 7"])
wild = st.builds(Sent, methods, paths, queries, authorizations, content_types, bodies, headers, lengths)
# Those that come as far as the parameters.
let_in = st.builds(
    lambda method, path, query, given: Sent(method, path, query, f"Bearer {SECRET}", *given),
    st.sampled_from(["GET", "POST", "POST"]),
    st.sampled_from(PATHS[: len(NAMES)]),
    st.just("") | queries,
    st.tuples(st.just("application/json"), json_bodies)
    | st.tuples(st.just("application/x-www-form-urlencoded"), queries.map(str.encode))
    | st.tuples(st.just("multipart/form-data; boundary=b"), multipart)
    | st.tuples(content_types, bodies),
)
strangers = st.builds(
    Sent,
    st.sampled_from(["GET", "POST", "HEAD"]),
    st.sampled_from(PATHS[: len(NAMES)]),
    queries,
    authorizations,
    content_types,
    bodies,
    headers,
)
requests = st.sampled_from([let_in, let_in, strangers, wild, wild]).flatmap(lambda kind: kind)


def _quoted(text: str) -> str:
    return quote(text.encode("utf-8", "surrogatepass"), safe="%")


def test_any_request_is_answered_in_the_shape_of_the_service(migrated_sqlite_url: str, redis_url: str) -> None:
    world = World.make(migrated_sqlite_url, redis_url)
    tickers = add_stocks(world, STOCKS)
    print(f"CHAOS_SEED={SEED}: {EXAMPLES} requests")
    seen: Counter[int] = Counter()

    @seed(SEED)
    @settings(max_examples=EXAMPLES, database=None, suppress_health_check=list(HealthCheck))
    @given(requests)
    @example(Sent("POST", PATHS[0], "", f"Bearer {SECRET}", "application/json", TOO_DEEP))
    def answers(sent: Sent) -> None:
        response = sent.to(world)
        seen[response.status_code] += 1
        check_reply(sent, response)
        check_state(world, tickers)

    answers()
    world.close()
    print(f"replies: {dict(seen)}")
    assert seen.keys() >= {200, 401, 404, 405, 422}  # the fuzzer comes through to all of it


def check_reply(sent: Sent, response: Response) -> None:
    assert response.status_code < 500
    assert {name: response.headers.get(name) for name in HEADERS} == HEADERS
    assert "X-Evil" not in response.headers
    assert "Location" not in response.headers
    if not sent.known and sent.path.startswith("/v1/cron/"):
        assert response.status_code in (400, 401, 404, 405)
    if sent.method == "HEAD":
        assert response.get_data() == b""
        return
    body = response.get_json()
    assert body["success"] is (response.status_code == 200)
    assert body.keys() == {"success", "data" if body["success"] else "error", "meta"}
    assert body["meta"].keys() == {"timestamp", "request_id"}
    assert TIME.fullmatch(body["meta"]["timestamp"])
    assert body["meta"]["request_id"] == response.headers["X-Request-Id"]
    if not body["success"]:
        assert body["error"].keys() - {"details"} == {"code", "message"}
        assert len(response.get_data()) < 8000
    text = response.get_data(as_text=True)
    assert not [word for word in INTERNALS if word in text]


def check_state(world: World, tickers: list[str]) -> None:
    assert world.tickers() == tickers
    for name in ("scores", "red-flags"):
        offset = world.redis.get(f"cron:{name}:offset")
        assert offset is None or 0 <= int(offset) < STOCKS
    assert not world.rows("SELECT 1 FROM cron_job_runs WHERE status <> 'completed'")
