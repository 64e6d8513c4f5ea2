"""Bodies that are broken, too large or cut off."""

import pytest

from tests.e2e.edge.clients import BEARER, parsed
from tests.e2e.web import Web


@pytest.mark.parametrize("chunks", [b"x\r\n", b"5;\xff\r\nabc", b"2\r\nabcd\r\n", b"-1\r\n\r\n"])
def test_a_body_in_broken_chunks_is_refused(web: Web, chunks: bytes) -> None:
    head = b"POST /v1/cron/reset HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n"
    given, _, body = parsed(web.send(head + BEARER + b"\r\n" + chunks))
    assert (given, body["error"]["code"]) == (400, "BAD_REQUEST")


def test_a_body_over_the_limit_is_refused_however_it_is_sent(web: Web) -> None:
    head = b"POST /v1/cron/reset HTTP/1.1\r\nHost: x\r\nConnection: close\r\n" + BEARER
    body = b"y" * 70_000
    for raw in (
        head + b"Content-Length: 70000\r\n\r\n" + body,
        head + b"Transfer-Encoding: chunked\r\n\r\n11170\r\n" + body + b"\r\n0\r\n\r\n",
    ):
        given, _, reply = parsed(web.send(raw))
        assert (given, reply["error"]["code"]) == (413, "PAYLOAD_TOO_LARGE")
        assert "65536 bytes" in reply["error"]["message"]


@pytest.mark.parametrize(
    "cut_off",
    [
        b"Content-Length: 10\r\n\r\n",
        b"Content-Length: 10\r\n\r\njob=scores"[:-1],
        b"Transfer-Encoding: chunked\r\n\r\n",
        b"Transfer-Encoding: chunked\r\n\r\na\r\njob=sc",
        b"Transfer-Encoding: chunked\r\n\r\na\r\njob=scores\r\n",
    ],
)
def test_a_body_that_is_cut_off_is_not_taken_for_a_whole_one(web: Web, cut_off: bytes) -> None:
    head = b"POST /v1/cron/reset HTTP/1.1\r\nContent-Type: application/x-www-form-urlencoded\r\n" + BEARER
    given, _, body = parsed(web.send(head + cut_off))
    assert (given, body["error"]["code"]) == (400, "BAD_REQUEST")
