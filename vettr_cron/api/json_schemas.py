"""JSON schemas of pydantic models, as the OpenAPI document needs them."""

from collections.abc import Iterable, Mapping
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaMode, models_json_schema

from vettr_cron.api.contract import Stated
from vettr_cron.jobs.job import Job
from vettr_cron.shapes.shape import with_names

Json = dict[str, Any]
_PREFIX = "#/components/schemas/"


class _WithoutTitles(GenerateJsonSchema):
    """Fields have only the titles that they were given, and no generated ones."""

    def field_title_should_be_set(self, schema: Any) -> bool:
        return False


class Shapes:
    """The definitions of parameters as callers give them, of replies as JSON, and of everything inside them."""

    def __init__(
        self, parameters: Iterable[type[BaseModel]], replies: Iterable[Stated], jobs: Mapping[str, Job]
    ) -> None:
        self._jobs = jobs
        modes: dict[type[BaseModel], JsonSchemaMode] = {self._made(reply): "serialization" for reply in replies}
        modes |= dict.fromkeys(parameters, "validation")
        references, made = models_json_schema(
            list(modes.items()),
            ref_template=_PREFIX + "{model}",
            schema_generator=_WithoutTitles,
        )
        self._references = {model: reference for (model, _mode), reference in references.items()}
        self.definitions: Json = with_names(made["$defs"], jobs)

    def reference(self, model: Stated) -> Json:
        """A reference to the model's definition."""
        return dict(self._references[self._made(model)])

    def definition(self, model: Stated) -> Json:
        """The model's definition."""
        definition: Json = self.definitions[self.reference(model)["$ref"].removeprefix(_PREFIX)]
        return definition

    def _made(self, model: Stated) -> type[BaseModel]:
        return model if isinstance(model, type) else model(self._jobs)


def query_schema(field: Json) -> Json:
    """A field's schema in a query string or a form, which cannot contain null."""
    schema = {key: value for key, value in field.items() if key not in ("title", "description", "anyOf")}
    if schema.get("default", ...) is None:
        del schema["default"]
    choices = [choice for choice in field.get("anyOf", ()) if choice.get("type") != "null"]
    return schema | (choices[0] if len(choices) == 1 else {"anyOf": choices} if choices else {})


def meaning(field: Json) -> str:
    """What a parameter is for, if its title says so, and which values it allows."""
    return ": ".join(field[key] for key in ("title", "description") if key in field)
