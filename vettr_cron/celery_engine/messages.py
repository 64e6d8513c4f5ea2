"""What callers and workers send each other, as JSON: a group to do, and what came of it.

Both name their form and their sender's release, as either side may be of another release while a service is updated.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

from pydantic import TypeAdapter, ValidationError

from vettr_cron import __version__
from vettr_cron.services.refresh.group import GroupOutcome, GroupTask

FORM = 1
"""The form of both. Give it another number when an older release would misread either."""

LONGEST_ERROR = 1_000  # characters


class UnknownForm(Exception):
    """A message is of another form than this release knows; the text says so for a person."""


class Refusal(StrEnum):
    """Why a worker has not done a group."""

    SUPERSEDED = "superseded"  # the run is closed
    DATABASE = "database"  # the worker's database does not answer
    INPUTS = "inputs"  # none of its stocks can be read
    FORM = "form"  # the worker does not know the message, the job or the run
    LOST = "lost"  # it was begun too often, and its worker died each time
    ERROR = "error"  # a bug; the worker's log has the details


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupMessage:
    """A group for a worker."""

    call: str  # the id of the call that wants it
    group: str  # its own id
    task: GroupTask


@dataclass(frozen=True, slots=True, kw_only=True)
class OutcomeMessage:
    """What came of a group: its outcome, or why there is none."""

    worker: str
    outcome: GroupOutcome | None = None
    refusal: Refusal | None = None
    error: str = ""


_GROUP = TypeAdapter(GroupMessage)
_OUTCOME = TypeAdapter(OutcomeMessage)


def packed_group(message: GroupMessage) -> dict[str, Any]:
    """The message as plain values, for Celery to send as JSON."""
    # A chunk may have thousands of failures by now, and they are the caller's to keep.
    run = replace(message.task.run, stocks_processed=0, succeeded=0, failed_count=0, failures=None)
    message = replace(message, task=replace(message.task, run=run))
    return {"form": FORM, "release": __version__, **_GROUP.dump_python(message, mode="json")}


def unpacked_group(values: Mapping[str, Any]) -> GroupMessage:
    """The message from plain values. Raises UnknownForm."""
    if values.get("form") != FORM:
        raise UnknownForm(_unknown("a group", values, "worker"))
    try:
        return _GROUP.validate_python(values)
    except ValidationError as error:
        raise UnknownForm(_unknown("a group", values, "worker")) from error


def packed_outcome(message: OutcomeMessage) -> str:
    """The message as a text."""
    whole = {"form": FORM, "release": __version__, **_OUTCOME.dump_python(message, mode="json")}
    return _ANY.dump_json(whole).decode()


def unpacked_outcome(text: str) -> OutcomeMessage:
    """The message from a text. Raises UnknownForm."""
    try:
        values = _ANY.validate_json(text)
    except ValidationError as error:
        raise UnknownForm("an outcome that is no JSON is in Redis; does another program use its keys?") from error
    if values.get("form") != FORM:
        raise UnknownForm(_unknown("an outcome", values, "caller"))
    try:
        return _OUTCOME.validate_python(values)
    except ValidationError as error:
        raise UnknownForm(_unknown("an outcome", values, "caller")) from error


_ANY: TypeAdapter[dict[str, Any]] = TypeAdapter(dict[str, Any])


def _unknown(what: str, values: Mapping[str, Any], reader: str) -> str:
    form, release = str(values.get("form"))[:20], str(values.get("release"))[:20]
    return (
        f"this {reader}, of release {__version__}, knows {what} of form {FORM} and was sent one of form {form}, by "
        f"release {release}; run callers and workers of the same release"
    )
