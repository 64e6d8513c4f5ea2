"""The service's own tables: what was called and run, how stocks fared and how fresh they were, what is paused."""

from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import Index, String, Text, desc, func
from sqlalchemy.orm import Mapped, mapped_column

from vettr_cron.extensions import Model
from vettr_cron.models.types import Id, Json, Timestamp


class CronJobRun(Model):
    """One chunk's run; while its status is `running`, it is the fence that a result transaction must pass."""

    __tablename__ = "cron_job_runs"
    id: Mapped[UUID] = mapped_column(Id, primary_key=True, default=uuid4)
    job_name: Mapped[str] = mapped_column(String(50), index=True)
    status: Mapped[str] = mapped_column(String(20))
    stocks_processed: Mapped[int | None] = mapped_column(server_default="0")
    succeeded: Mapped[int | None] = mapped_column(server_default="0")
    failed_count: Mapped[int | None] = mapped_column(server_default="0")
    failures: Mapped[list[Any] | None] = mapped_column(Json)
    chunk_offset: Mapped[int | None]
    chunk_size: Mapped[int | None]
    total_stocks: Mapped[int | None]
    duration_ms: Mapped[int | None]
    started_at: Mapped[datetime] = mapped_column(Timestamp, server_default=func.now(), index=True)
    completed_at: Mapped[datetime | None] = mapped_column(Timestamp)
    error_message: Mapped[str | None] = mapped_column(Text)
    __table_args__ = (
        Index("ix_cron_job_runs_job_name_started_at", "job_name", desc("started_at"), desc("id")),
        Index("ix_cron_job_runs_status_started_at", "status", desc("started_at"), desc("id")),
    )


class CronStockState(Model):
    """How one job last fared with one ticker; the run log says the same about chunks."""

    __tablename__ = "cron_stock_states"
    job: Mapped[str] = mapped_column(String(20), primary_key=True)
    ticker: Mapped[str] = mapped_column(Text, primary_key=True)
    last_cycle_id: Mapped[UUID] = mapped_column(Id)
    last_refreshed_at: Mapped[datetime | None] = mapped_column(Timestamp)
    last_failed_at: Mapped[datetime | None] = mapped_column(Timestamp)
    failing_since: Mapped[datetime | None] = mapped_column(Timestamp)
    consecutive_failures: Mapped[int]
    last_error: Mapped[str | None] = mapped_column(Text)
    last_reason: Mapped[str | None] = mapped_column(Text)
    result_kinds: Mapped[str | None] = mapped_column(Text)  # words, in order


class CronPause(Model):
    """A job that an operator has paused; without a row it is not paused."""

    __tablename__ = "cron_pauses"
    job: Mapped[str] = mapped_column(String(20), primary_key=True)
    reason: Mapped[str | None] = mapped_column(Text)
    paused_at: Mapped[datetime] = mapped_column(Timestamp)


class CronMark(Model):
    """What the service notes about this database, by name."""

    __tablename__ = "cron_marks"
    name: Mapped[str] = mapped_column(String(50), primary_key=True)
    value: Mapped[str] = mapped_column(Text)


class CronCall(Model):
    """One call of one job, from its beginning to its end; the run log says the same about chunks."""

    __tablename__ = "cron_calls"
    id: Mapped[UUID] = mapped_column(Id, primary_key=True, default=uuid4)
    job: Mapped[str] = mapped_column(String(20))
    along_cursor: Mapped[bool]
    caller: Mapped[str] = mapped_column(String(20))
    started_at: Mapped[datetime] = mapped_column(Timestamp)
    ended_at: Mapped[datetime | None] = mapped_column(Timestamp)
    status: Mapped[str] = mapped_column(String(20))
    stop_reason: Mapped[str | None] = mapped_column(String(30))
    is_complete: Mapped[bool]
    chunks_run: Mapped[int]
    stocks_processed: Mapped[int]
    succeeded: Mapped[int]
    failed: Mapped[int]
    error: Mapped[str | None] = mapped_column(Text)
    first_run_id: Mapped[UUID | None] = mapped_column(Id)
    last_run_id: Mapped[UUID | None] = mapped_column(Id)
    __table_args__ = (
        Index("ix_cron_calls_started_at", desc("started_at"), desc("id")),
        Index("ix_cron_calls_status_started_at", "status", desc("started_at"), desc("id")),
        Index("ix_cron_calls_job_along_cursor_started_at", "job", "along_cursor", desc("started_at"), desc("id")),
    )


class CronSample(Model):
    """How fresh one job's results were at one time, so that nothing that looks back has to read the history."""

    __tablename__ = "cron_samples"
    job: Mapped[str] = mapped_column(String(20), primary_key=True)
    taken_at: Mapped[datetime] = mapped_column(Timestamp, primary_key=True)
    total: Mapped[int]
    fresh: Mapped[int]
    stale: Mapped[int]
    never: Mapped[int]
    failing: Mapped[int]
    oldest: Mapped[datetime | None] = mapped_column(Timestamp)
    distribution: Mapped[dict[str, int] | None] = mapped_column(Json)
