"""deploy/nginx in front of the service, with a real nginx: what goes through, what does not, and who notices."""

import json
import os
import re
import signal
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, suppress
from typing import Any

import pytest

from tests.deploy.web_proxy import Nginx, connections_to, proxying
from tests.e2e.programs import PROJECT
from tests.e2e.web import Web, serving
from tests.integration.meddling import locked_table, under_way, wait_until
from tests.servers.postgres_server import PrivatePostgres
from tests.servers.redis_server import PrivateRedis, flush
from tests.world import SECRET, World, migrate_database
from vettr_cron.config import HTTP_TIME_BUDGET_SECONDS

HEAD = f"Host: your-app.example\r\nConnection: close\r\nAuthorization: Bearer {SECRET}\r\n".encode()
CROWD = 30
PREFIX = "location /cron/ { proxy_pass http://vettr_cron/; }\n    location / { return 404; }"


@pytest.fixture(scope="module")
def world(private_postgres: PrivatePostgres, redis_server: PrivateRedis) -> Iterator[World]:
    flush(redis_server.url)
    url = private_postgres.create_database()
    migrate_database(url)
    with closing(World.make(url, redis_server.url)) as world:
        world.generate(30)
        yield world
    private_postgres.drop_database(url)


@pytest.fixture(scope="module")
def web(world: World) -> Iterator[Web]:
    with serving(world) as web:
        yield web


@pytest.fixture(scope="module")
def nginx(web: Web) -> Iterator[Nginx]:
    with proxying(web.port) as nginx:
        yield nginx


def error(text: str) -> Any:
    return json.loads(text)["error"]["code"]


def parsed(raw: bytes) -> tuple[int, str]:
    head, _, body = raw.partition(b"\r\n\r\n")
    return int(head.split()[1]), body.decode()


def test_a_call_goes_through_tls_if_it_has_the_secret(nginx: Nginx) -> None:
    reply = nginx.call("/v1/cron/refresh-all", X_Request_Id="from-the-scheduler")
    assert (reply.status, reply.headers["X-Request-Id"]) == (200, "from-the-scheduler")
    assert reply.headers["Strict-Transport-Security"] == "max-age=31536000"
    refused = nginx.call("/v1/cron/refresh-all", Authorization="Bearer another")
    assert (refused.status, error(refused.text)) == (401, "AUTH_REQUIRED")


def test_people_on_plain_http_are_led_to_https(nginx: Nginx) -> None:
    reply = nginx.call_plainly("/dashboard?job=scores")
    assert (reply.status, reply.headers["Location"]) == (308, "https://127.0.0.1/dashboard?job=scores")


def test_the_page_is_there_with_all_its_files(nginx: Nginx) -> None:
    assert nginx.call("/", Accept="text/html").headers["Location"] == "/dashboard"
    page = nginx.call("/dashboard").text
    names = re.findall(r'(?:href|src)="([^"]+)"', page)
    assert len(names) > 3
    assert {nginx.call(name).status for name in names} == {200}


@pytest.mark.parametrize(
    ("line", "field", "status", "code"),
    [
        (8_190, 10, 422, "VALIDATION_ERROR"),
        (8_191, 10, 414, "URI_TOO_LONG"),
        (100, 8_100, 422, "VALIDATION_ERROR"),
        (100, 8_300, 431, "HEADERS_TOO_LARGE"),
        (20_000, 10, 414, None),
        (100, 20_000, 400, None),
    ],
)
def test_what_the_service_takes_gets_through_and_what_is_larger_is_refused(
    nginx: Nginx, line: int, field: int, status: int, code: str | None
) -> None:
    path = b"GET /v1/cron/scores?chunks=0&x="
    start = path + b"x" * (line - len(path) - len(b" HTTP/1.1")) + b" HTTP/1.1\r\n"
    header = b"X-Long: " + b"x" * (field - len(b"X-Long: ")) + b"\r\n"
    given, body = parsed(nginx.send(start + HEAD + header + b"\r\n"))
    assert given == status
    assert code is None or error(body) == code


def test_a_body_up_to_the_services_limit_gets_through(nginx: Nginx) -> None:
    assert error(nginx.call("/v1/cron/scores", "POST", "x" * 65_536).text) != "PAYLOAD_TOO_LARGE"
    assert nginx.call("/v1/cron/scores", "POST", "x" * 65_537).status == 413


@pytest.mark.parametrize(
    "opening",
    [
        b"GET /v1/cron/status HTTP/1.1\r\nX-Half: ",
        b"POST /v1/cron/reset HTTP/1.1\r\n" + HEAD + b"Content-Length: 10000\r\n\r\n{",
        b"POST /v1/cron/reset HTTP/1.1\r\n" + HEAD + b"Transfer-Encoding: chunked\r\n\r\n1\r\n{\r\n",
    ],
    ids=["half a head", "half a body", "half a body in chunks"],
)
def test_slow_clients_are_kept_off_the_service(nginx: Nginx, web: Web, opening: bytes) -> None:
    before = connections_to(web.port)
    with ExitStack() as crowd:
        clients = [crowd.enter_context(nginx.connected()) for _ in range(CROWD)]
        for client in clients:
            client.sendall(opening)
        assert connections_to(web.port) <= before
        assert nginx.call("/v1/cron/status").status == 200
        for client in clients:  # nginx gives them up, here after a second of silence
            with suppress(ConnectionError):
                said = client.recv(100)
                assert said == b"" or b"408" in said


@pytest.mark.parametrize(
    ("header", "value"),
    [
        ("X_Forwarded_Proto", "http"),
        ("X_Forwarded_Protocol", "http"),
        ("X_Forwarded_Ssl", "off"),
        ("X_Forwarded_For", "127.0.0.1"),
        ("SCRIPT_NAME", "/x"),
    ],
)
def test_what_clients_claim_about_their_way_does_no_harm(nginx: Nginx, header: str, value: str) -> None:
    assert nginx.call("/v1/cron/status", **{header: value}).status == 200
    assert nginx.call("/v1/cron/status", Authorization="", **{header: value}).status == 401


def test_the_metrics_are_for_this_machine_alone(nginx: Nginx) -> None:
    assert nginx.call("/metrics").status == 200
    assert nginx.call("/metrics", source="127.0.0.2").status == 403


def test_nginx_waits_longer_than_any_call_takes() -> None:
    (seconds,) = re.findall(r"proxy_read_timeout (\d+)s;", (PROJECT / "deploy/nginx/vettr-cron.conf").read_text())
    assert int(seconds) >= 2 * HTTP_TIME_BUDGET_SECONDS


def test_a_client_that_goes_away_leaves_the_call_to_its_end(nginx: Nginx, world: World) -> None:
    world.data("reset", method="POST")
    calls = len(world.table("cron_calls"))
    with locked_table(world, "vetr_score_history") as waited_for, nginx.connected() as client:
        client.sendall(b"GET /v1/cron/scores HTTP/1.1\r\n" + HEAD + b"\r\n")
        wait_until(waited_for)
        client.close()
    wait_until(lambda: {row["status"] for row in world.table("cron_calls")} == {"completed"})
    assert len(world.table("cron_calls")) == calls + 1


def test_a_service_that_is_down_is_a_502_at_once_and_is_back_by_itself(world: World) -> None:
    with serving(world) as web, proxying(web.port) as nginx:
        assert nginx.call("/healthz").status == 200
        web.process.send_signal(signal.SIGTERM)
        web.process.wait()
        began = time.monotonic()
        assert nginx.call("/v1/cron/status").status == 502
        assert time.monotonic() - began < 3
        with serving(world, port=web.port):
            assert nginx.call("/v1/cron/status").status == 200


def test_a_service_that_hangs_is_a_504(world: World) -> None:
    with serving(world) as web, proxying(web.port) as nginx:
        site = nginx.folder / "site.conf"
        site.write_text(site.read_text().replace("proxy_read_timeout 20s;", "proxy_read_timeout 1s;"))
        nginx.start()
        stopped = [web.process.pid, *web.workers()]
        for pid in stopped:
            os.kill(pid, signal.SIGSTOP)
        try:
            assert nginx.call("/v1/cron/status").status == 504
        finally:
            for pid in stopped:
                os.kill(pid, signal.SIGCONT)


def test_under_a_prefix_calls_work_and_pages_do_not(web: Web) -> None:
    with proxying(web.port) as nginx:
        site = nginx.folder / "site.conf"
        root = "    location / {\n        proxy_pass http://vettr_cron;\n    }"
        assert site.read_text().count(root) == 1
        site.write_text(site.read_text().replace(root, f"    {PREFIX}"))
        nginx.start()
        assert nginx.call("/cron/v1/cron/status").status == 200
        assert nginx.call("/cron/readyz").status == 200
        for page in ("/cron/dashboard", "/cron/docs"):
            reply = nginx.call(page)
            names = re.findall(r'(?:href|src)="([^"]+)"', reply.text)
            assert reply.status == 200
            assert names
            assert {nginx.call(name).status for name in names} == {404}
        assert nginx.call("/cron/", Accept="text/html").headers["Location"] == "/dashboard"


def test_callers_at_once_share_the_connections_that_nginx_keeps(nginx: Nginx, web: Web) -> None:
    replies = [under_way(lambda: nginx.call("/v1/cron/status").status) for _ in range(16)]
    assert {reply.result() for reply in replies} == {200}
    wait_until(lambda: connections_to(web.port) <= 2 * 8)
