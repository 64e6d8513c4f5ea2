"""The results of operators' calls: pauses, resets, cleanups."""

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import Field

from vettr_cron.domain import run
from vettr_cron.services.operate.cleanup import CleanupResult
from vettr_cron.shapes.refresh import Pause
from vettr_cron.shapes.shape import JOB_NAMES, Count, Shape, Time, absent


class Pauses(Shape):
    """The jobs that are paused now."""

    paused: dict[str, Pause] = Field(description="Each pause by its job's name", examples=[{}])


class ResetDone(Shape):
    """What was reset."""

    message: Literal["Cron cursors reset"]
    reset: list[Annotated[str, Field(json_schema_extra={"enum": [JOB_NAMES]})]] = Field(
        description="The jobs whose next call starts a new cycle"
    )


class KeptFrom(Shape):
    """Only rows from before these times can be removed."""

    runs: Time
    calls: Time
    samples: Time
    red_flags: Time
    snapshots: Time


class CleanupDone(Shape):
    """What was removed; with dry_run, what would be."""

    runs_removed: Count = Field(description="Rows of cron_job_runs", examples=[1200])
    calls_removed: Count = Field(description="Rows of cron_calls", examples=[96])
    samples_removed: Count = Field(description="Rows of cron_samples", examples=[192])
    red_flags_removed: Count = Field(description="Rows of red_flag_history", examples=[250000])
    snapshots_removed: Count = Field(description="Rows of vetr_score_snapshots", examples=[31000])
    dry_run: bool = Field(description="Whether the rows were only counted")
    is_complete: bool = Field(description="Whether nothing is left to remove; if not, call again")
    older_than: KeptFrom
    duration_ms: Count = Field(description="How long it took, in milliseconds", examples=[840])
    error: str = Field(default_factory=absent, description="Present only if the call failed: why")
    warning: str = Field(
        default_factory=absent,
        description="Present only if the machine's clock differs from the database's, which counts, by over a minute",
    )


def pauses(paused: Mapping[str, run.Pause]) -> Pauses:
    """The jobs that are paused now."""
    return Pauses(paused={job: Pause.of(pause) for job, pause in paused.items()})


def reset_done(names: list[str]) -> ResetDone:
    """The jobs that were reset."""
    return ResetDone(message="Cron cursors reset", reset=names)


def cleanup_done(result: CleanupResult) -> CleanupDone:
    """What was removed, or with `dry_run` would have been."""
    return CleanupDone.of(result, **{f"{name}_removed": count for name, count in result.removed.items()})
