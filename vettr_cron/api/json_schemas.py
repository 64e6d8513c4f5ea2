"""JSON schemas of pydantic models, as the OpenAPI document needs them."""

from collections.abc import Iterable
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import GenerateJsonSchema, models_json_schema

Json = dict[str, Any]
_PLACE = "#/components/schemas/"


class _WithoutTitles(GenerateJsonSchema):
    """Fields have the titles that were given to them, and no made-up ones."""

    def field_title_should_be_set(self, schema: Any) -> bool:
        return False


class Shapes:
    """The definitions of these models and of what is in them."""

    def __init__(self, models: Iterable[type[BaseModel]]) -> None:
        wanted = list(dict.fromkeys(models))
        references, made = models_json_schema(
            [(model, "validation") for model in wanted],
            ref_template=_PLACE + "{model}",
            schema_generator=_WithoutTitles,
        )
        self._references = {model: reference for (model, _mode), reference in references.items()}
        self.definitions: Json = made["$defs"]

    def reference(self, model: type[BaseModel]) -> Json:
        """Where the model's definition is."""
        return dict(self._references[model])

    def definition(self, model: type[BaseModel]) -> Json:
        """The model's definition."""
        definition: Json = self.definitions[self._references[model]["$ref"].removeprefix(_PLACE)]
        return definition


def query_schema(field: Json) -> Json:
    """A field as it may stand in a query string or a form, where there is no null."""
    schema = {key: value for key, value in field.items() if key not in ("title", "description", "anyOf")}
    if schema.get("default", ...) is None:
        del schema["default"]
    choices = [choice for choice in field.get("anyOf", ()) if choice.get("type") != "null"]
    return schema | (choices[0] if len(choices) == 1 else {"anyOf": choices} if choices else {})


def meaning(field: Json) -> str:
    """What a parameter is for, where that is told, and what it may be."""
    return ": ".join(field[key] for key in ("title", "description") if key in field)
