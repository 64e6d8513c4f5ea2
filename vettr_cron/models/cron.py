"""The service's own tables: what was run, how each stock fared, and what an operator has paused."""

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
