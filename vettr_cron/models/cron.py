"""Our own record of what was run."""

from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import String, Text, func
from sqlalchemy.orm import Mapped, mapped_column

from vettr_cron.extensions import Model
from vettr_cron.models.types import Json, Timestamp


class CronJobRun(Model):
    """One chunk's run; while its status is `running` it is the fence that a result transaction must pass."""

    __tablename__ = "cron_job_runs"
    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid4)
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
