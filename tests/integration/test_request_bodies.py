"""The bodies that a POST may have, and the many that it may not."""

import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

import pytest

from tests.integration.bare_stocks import add_stocks
from tests.integration.replies import data_of, error_of, invalid_parameters_of
from tests.world import World


def test_query_and_body_are_merged(sqlite_world: World) -> None:
    add_stocks(sqlite_world, 9)
    result = sqlite_world.data("scores?chunk_size=2", method="POST", data={"chunks": "2"})
    assert (result["stocks_processed"], result["chunks_run"]) == (4, 2)
    for content_type in ("application/json", "application/x-www-form-urlencoded", "text/plain", ""):
        for body in (b"", b" \n"):
            data_of(sqlite_world.call("status"))
            data_of(sqlite_world.call("reset", "POST", data=body, content_type=content_type))


def test_a_parameter_in_query_and_body_is_given_twice(sqlite_world: World) -> None:
    for body in ({"data": {"job": "scores"}}, {"json": {"job": "scores"}}):
        response = sqlite_world.call("reset?job=scores", "POST", **body)
        assert invalid_parameters_of(response) == {"job": "is given more than once"}


def test_the_body_of_a_get_is_ignored(sqlite_world: World) -> None:
    data_of(sqlite_world.call("reset", "GET", data=b"{", content_type="application/json"))


@pytest.mark.parametrize(
    "body",
    [
        b"{",
        b"[]",
        b"5",
        b"null",
        b'"all"',
        b"\xff\xfe",
        b"[" * 10_000,
        b'{"chunk_size":' + b"9" * 5000 + b"}",
        b'{"chunk_size": 5',
    ],
)
def test_a_body_that_is_not_a_json_object_is_refused(sqlite_world: World, body: bytes) -> None:
    response = sqlite_world.call("scores", "POST", data=body, content_type="application/json")
    error_of(response, 400, "BAD_REQUEST")


def _nested(name: str, depth: int) -> str:
    return f'{{"{name}": {"[" * depth}{"]" * depth}}}'


@pytest.mark.parametrize(
    ("body", "name"),
    [
        (_nested("chunk_size", 1), "chunk_size"),
        (_nested("chunk_size", 900), "chunk_size"),
        ('{"chunks": {"all": 1}}', "chunks"),
        ('{"on_conflict": ["skip"]}', "on_conflict"),
        ('{"on_conflict": "\\ud800"}', "on_conflict"),
        ('{"\\ud800": 1}', "?"),
        ('{"": 1}', ""),
        ('{"chunk_size": 5.0}', "chunk_size"),
        ('{"chunk_size": true}', "chunk_size"),
        ('{"chunk_size": NaN}', "chunk_size"),
        ('{"chunk_size": -Infinity}', "chunk_size"),
        (f'{{"chunk_size": {"9" * 4000}}}', "chunk_size"),
        ('{"chunks": 1e3}', "chunks"),
    ],
)
def test_a_strange_value_in_json_is_named(sqlite_world: World, body: str, name: str) -> None:
    response = sqlite_world.call("scores", "POST", data=body, content_type="application/json")
    assert invalid_parameters_of(response).keys() == {name}
    assert len(response.get_data()) < 1000


def test_json_may_be_of_any_depth(sqlite_world: World) -> None:
    for depth in range(700, 1010):  # around what Python's parser takes
        body = _nested("chunk_size", depth)
        response = sqlite_world.call("scores", "POST", data=body, content_type="application/json")
        if response.status_code != 400:
            assert "a list or an object is not allowed" in invalid_parameters_of(response)["chunk_size"]


def test_a_body_of_another_kind_is_refused(sqlite_world: World) -> None:
    for content_type in ("text/plain", "application/xml", "application/octet-stream", ""):
        response = sqlite_world.call("reset", "POST", data=b'{"job": "scores"}', content_type=content_type)
        error_of(response, 415, "UNSUPPORTED_MEDIA_TYPE")


@pytest.mark.parametrize("body", [b"garbage", b"--cut\r\ngarbage--cut--\r\n", b"--other--\r\n"])
def test_a_multipart_body_without_a_field_is_refused(sqlite_world: World, body: bytes) -> None:
    """Who sends it means something; it must not be taken for a call without parameters."""
    response = sqlite_world.call("reset", "POST", data=body, content_type="multipart/form-data; boundary=cut")
    error_of(response, 400, "BAD_REQUEST")


def test_a_multipart_body_of_no_fields_is_a_call_without_parameters(sqlite_world: World) -> None:
    options = {"data": b"--cut--\r\n", "content_type": "multipart/form-data; boundary=cut"}
    data_of(sqlite_world.call("reset", "POST", **options))


def test_a_file_is_not_a_parameter(sqlite_world: World) -> None:
    body = b'--cut\r\nContent-Disposition: form-data; name="job"; filename="x"\r\n\r\nscores\r\n--cut--\r\n'
    options = {"data": body, "content_type": "multipart/form-data; boundary=cut"}
    assert invalid_parameters_of(sqlite_world.call("reset", "POST", **options)).keys() == {"job"}


def test_a_large_body_is_refused(sqlite_world: World) -> None:
    bodies: list[Mapping[str, Any]] = [
        {"data": b"x=" + b"y" * 70_000, "content_type": "application/x-www-form-urlencoded"},
        {"data": json.dumps({"x": "y" * 70_000}), "content_type": "application/json"},
        {"data": b"y" * 70_000, "content_type": "text/plain"},
    ]
    for body in bodies:
        error_of(sqlite_world.call("reset", "POST", **body), 413, "PAYLOAD_TOO_LARGE")


def test_however_much_is_wrong_few_words_say_so(sqlite_world: World) -> None:
    for body in ({"x" * 9000: "1"}, {f"{number}": "1" for number in range(900)}):
        response = sqlite_world.call("scores", "POST", data=body)
        assert invalid_parameters_of(response)
        assert len(response.get_data()) < 8000


@pytest.mark.parametrize("body", ['{"chunks": 1, "chunks": 2}', '{"chunks": 1, "chunks": 1}', '{"x": 1, "x": 1}'])
def test_a_json_object_with_a_name_twice_is_refused(sqlite_world: World, body: str) -> None:
    response = sqlite_world.call("scores", "POST", data=body, content_type="application/json")
    assert "is given more than once" in error_of(response, 422, "VALIDATION_ERROR")["message"]


@pytest.mark.parametrize("content_type", ["application/json", "application/x-www-form-urlencoded"])
def test_a_thousand_of_the_longest_tickers_go_by_post(sqlite_world: World, content_type: str) -> None:
    tickers = ",".join(f"T{number:019}" for number in range(1_000))
    body = json.dumps({"tickers": tickers}) if "json" in content_type else urlencode({"tickers": tickers})
    response = sqlite_world.call("scores", "POST", data=body, content_type=content_type)
    assert "no stocks with these tickers: T0" in error_of(response, 422, "VALIDATION_ERROR")["message"]
