"""What replies' shapes are made of."""

from collections.abc import Callable, Mapping
from datetime import datetime
from functools import cache, wraps
from threading import RLock
from typing import Annotated, Any, Self, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, PlainSerializer, WithJsonSchema

from vettr_cron.domain.timestamps import iso_milliseconds
from vettr_cron.jobs.job import Job

Made = TypeVar("Made", bound=BaseModel)

JOB_NAMES, RUN_NAMES = "{names of jobs}", "{names of jobs in the run log}"
"""Placeholders in schemas and texts for the names of the application's own jobs; `with_names` fills them in."""


class Shape(BaseModel):
    """A reply, or a part of one, with these fields and no others; it is checked when it is made.

    A field with a default may be absent, but is never null.
    """

    # A shape is built only when it is first used.
    model_config = ConfigDict(extra="forbid", from_attributes=True, defer_build=True)

    @classmethod
    def of(cls, value: object, **more: Any) -> Self:
        """The shape of a service's value: fields from `more`, and all others from the attributes of the same names.

        A field that may be absent is left out if its value is None.
        """
        read = {name: getattr(value, name) for name in cls.model_fields if name not in more} | more
        needed = {name for name, field in cls.model_fields.items() if field.is_required()}
        return cls(**{name: given for name, given in read.items() if given is not None or name in needed})


def as_json(reply: BaseModel) -> Any:
    """A reply as JSON has it: dictionaries, lists, texts and numbers."""
    return reply.model_dump(mode="json", exclude_unset=True)


Time = Annotated[
    datetime,
    PlainSerializer(iso_milliseconds),
    WithJsonSchema(
        {
            "type": "string",
            "format": "date-time",
            "pattern": r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$",
            "examples": ["2026-11-23T12:00:00.000Z"],
        }
    ),
]
Count = Annotated[int, Field(ge=0)]
Percent = Annotated[int, Field(ge=0, le=100, examples=[38])]
Id = Annotated[str, BeforeValidator(str), WithJsonSchema({"type": "string", "format": "uuid"})]
"""A UUID; in a row that another program wrote, whatever it contains."""
CycleId = Annotated[Id | None, Field(description="The id of the pass over all stocks; null between two cycles")]
RunName = Annotated[str, Field(description="The job's name in the run log", json_schema_extra={"enum": [RUN_NAMES]})]


def absent() -> Any:
    """The default of a field that may be absent."""
    return None


def with_names(node: Any, jobs: Mapping[str, Job]) -> Any:
    """A schema, or a text, with the names of these jobs in place of the placeholders."""
    if isinstance(node, dict):
        return {key: with_names(value, jobs) for key, value in node.items()}
    if node == [JOB_NAMES]:
        return list(jobs)
    if node == [RUN_NAMES]:
        return [job.run_name for job in jobs.values()]
    if isinstance(node, list):
        return [with_names(value, jobs) for value in node]
    return node.replace(JOB_NAMES, " or ".join(jobs)) if isinstance(node, str) else node


ShapeOfJobs = Callable[[Mapping[str, Job]], type[BaseModel]]
"""Makes a shape that names jobs from the table of jobs."""


def of_jobs(make: Callable[[tuple[Job, ...]], type[Made]]) -> Callable[[Mapping[str, Job]], type[Made]]:
    """Make a shape once for each table of jobs: the document would take two shapes of one name for different ones."""
    made, lock = cache(make), RLock()

    @wraps(make)
    def shape(jobs: Mapping[str, Job]) -> type[Made]:
        with lock:
            return made(tuple(jobs.values()))

    return shape
