"""GET /openapi.json: the document is valid and tells everything."""

from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from openapi_spec_validator import validate

from tests.integration.documented import Json, application, document, operations, resolve
from tests.jobs import THE_TWO
from tests.world import World
from vettr_cron.shapes.shape import with_names

BODY_TYPES = {"application/json", "application/x-www-form-urlencoded", "multipart/form-data"}
VIEWS = application().view_functions


def views() -> Iterator[tuple[str, str, Any]]:
    """Every path, method and view of the application, the page for people and its files apart."""
    for rule in application().url_map.iter_rules():
        if rule.endpoint.startswith("dashboard."):
            continue
        path = "".join(f"{{{part}}}" if variable else part for variable, part in rule._trace).removeprefix("|")
        for method in sorted((rule.methods or set()) - {"HEAD", "OPTIONS"}):
            yield path, method, VIEWS[rule.endpoint]


ASKING = [(path, method, view.asks) for path, method, view in views() if hasattr(view, "asks")]
per_asking = pytest.mark.parametrize(("path", "method", "asks"), ASKING, ids=lambda value: str(value)[:40])


def operation(path: str, method: str) -> Json:
    found: Json = document()["paths"][path][method.lower()]
    return found


def objects(node: Any) -> Iterator[Mapping[str, Any]]:
    """Every object in the document."""
    children = node.values() if isinstance(node, dict) else node if isinstance(node, list) else ()
    if isinstance(node, dict):
        yield node
    for child in children:
        yield from objects(child)


def test_the_document_is_valid() -> None:
    validate(document())
    assert document()["openapi"].startswith("3.1")


def test_every_route_is_in_the_document() -> None:
    """A new one is once it bears `@answers(...)`, and `@asks(...)` where it takes parameters."""
    assert sorted(operations()) == sorted((path, method) for path, method, _ in views())


def test_operations_have_names_of_their_own_summaries_and_known_tags() -> None:
    every = [operation(*which) for which in operations()]
    assert len({entry["operationId"] for entry in every}) == len(every)
    assert all(entry["summary"] for entry in every)
    assert {tag for entry in every for tag in entry["tags"]} == {tag["name"] for tag in document()["tags"]}


def test_what_a_scheduler_calls_comes_first_then_what_operators_ask_then_what_a_page_reads() -> None:
    paths, tags = list(document()["paths"]), [tag["name"] for tag in document()["tags"]]
    assert paths[:3] == ["/v1/cron/scores", "/v1/cron/red-flags", "/v1/cron/refresh-all"]
    assert tags[:3] == ["refresh", "cron", "dashboard"]
    in_order = [operation(*which)["tags"] for which in operations()]
    assert in_order == sorted(in_order, key=lambda names: tags.index(names[0]))
    assert operation("/v1/cron/status", "GET")["tags"] == ["cron"]
    assert (
        operation("/v1/cron/overview", "GET")["tags"] == operation("/v1/cron/activity", "GET")["tags"] == ["dashboard"]
    )


@per_asking
def test_every_parameter_is_in_the_query(path: str, method: str, asks: Any) -> None:
    shown = {entry["name"]: entry for entry in operation(path, method)["parameters"] if entry["in"] == "query"}
    assert shown.keys() == asks.model_fields.keys()
    for name, field in asks.model_fields.items():
        assert shown[name]["description"] == with_names(f"{field.title}: {field.description}", THE_TWO)
        assert shown[name]["required"] == field.is_required()
        assert "null" not in str(shown[name]["schema"])


@per_asking
def test_every_parameter_of_a_post_is_in_each_kind_of_body(path: str, method: str, asks: Any) -> None:
    shown = operation(path, method).get("requestBody")
    if method == "GET" or not asks.model_fields:
        assert shown is None
        return
    assert shown is not None
    assert shown["content"].keys() == BODY_TYPES
    assert shown["required"] is False
    for body in shown["content"].values():
        schema = resolve(body["schema"])
        assert schema["properties"].keys() == asks.model_fields.keys()
        assert schema["additionalProperties"] is False


def test_bounds_are_told() -> None:
    parameters = {entry["name"]: entry["schema"] for entry in operation("/v1/cron/scores", "GET")["parameters"]}
    assert (parameters["chunk_size"]["minimum"], parameters["chunk_size"]["maximum"]) == (1, 10_000)
    assert {"type": "integer", "minimum": 1, "maximum": 1_000_000} in parameters["chunks"]["anyOf"]
    assert parameters["on_conflict"]["enum"] == ["skip", "error"]
    for node in objects(document()):  # where pydantic does not know what to make of a bound
        assert not node.keys() & {"ge", "le", "gt", "lt"}


def test_every_object_in_a_reply_has_known_fields_alone() -> None:
    for node in objects(document()):
        if node.get("type") == "object":
            assert node.get("additionalProperties") is False or isinstance(node.get("additionalProperties"), dict)


def test_every_field_in_a_reply_says_what_it_is() -> None:
    for name, schema in document()["components"]["schemas"].items():
        assert schema.get("description"), name
        for field, shown in schema.get("properties", {}).items():
            told = shown.get("description") or "$ref" in shown or "const" in shown or shown.get("pattern")
            assert told or shown.get("examples"), f"{name}.{field}"
            if field.endswith("_ms"):
                assert "milliseconds" in shown["description"]


@pytest.mark.parametrize(("path", "method"), operations())
def test_the_secret_is_asked_for_where_it_is(path: str, method: str) -> None:
    secured = path.startswith("/v1/cron") or path == "/metrics"
    assert operation(path, method)["security"] == ([{"cronSecret": []}] if secured else [])
    assert ("401" in operation(path, method)["responses"]) == secured
    scheme = document()["components"]["securitySchemes"]["cronSecret"]
    assert (scheme["type"], scheme["scheme"]) == ("http", "bearer")


def test_everybody_may_read_it_and_no_server_is_asked(sqlite_world: World) -> None:
    lonely = World.make("sqlite:////nowhere/vettr.db", "redis://127.0.0.1:1")
    replies = [world.client.get("/openapi.json") for world in (sqlite_world, sqlite_world, lonely)]
    assert {reply.status_code for reply in replies} == {200}
    assert {reply.mimetype for reply in replies} == {"application/json"}
    assert len({reply.get_data() for reply in replies}) == 1
    lonely.close()
