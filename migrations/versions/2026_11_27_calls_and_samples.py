"""Every call, what each stock's last result counts as, and how fresh the results were over time."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "2026_11_27_calls_and_samples"
down_revision = "2026_11_26_reasons_and_marks"
branch_labels = None
depends_on = None

JSON = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")
NEWEST_FIRST = (sa.text("started_at DESC"), sa.text("id DESC"))


def upgrade() -> None:
    op.add_column("cron_stock_states", sa.Column("result_kinds", sa.Text()))
    op.create_table(
        "cron_calls",
        sa.Column("id", sa.Uuid(), primary_key=True),
        sa.Column("job", sa.String(20), nullable=False),
        sa.Column("along_cursor", sa.Boolean(), nullable=False),
        sa.Column("caller", sa.String(20), nullable=False),
        sa.Column("started_at", sa.DateTime(), nullable=False),
        sa.Column("ended_at", sa.DateTime()),
        sa.Column("status", sa.String(20), nullable=False),
        sa.Column("stop_reason", sa.String(30)),
        sa.Column("is_complete", sa.Boolean(), nullable=False),
        sa.Column("chunks_run", sa.Integer(), nullable=False),
        sa.Column("stocks_processed", sa.Integer(), nullable=False),
        sa.Column("succeeded", sa.Integer(), nullable=False),
        sa.Column("failed", sa.Integer(), nullable=False),
        sa.Column("error", sa.Text()),
        sa.Column("first_run_id", sa.Uuid()),
        sa.Column("last_run_id", sa.Uuid()),
    )
    op.create_index("ix_cron_calls_started_at", "cron_calls", [*NEWEST_FIRST])
    op.create_index("ix_cron_calls_status_started_at", "cron_calls", [sa.text("status"), *NEWEST_FIRST])
    of_a_job = [sa.text("job"), sa.text("along_cursor"), *NEWEST_FIRST]
    op.create_index("ix_cron_calls_job_along_cursor_started_at", "cron_calls", of_a_job)
    op.create_table(
        "cron_samples",
        sa.Column("job", sa.String(20), primary_key=True),
        sa.Column("taken_at", sa.DateTime(), primary_key=True),
        sa.Column("total", sa.Integer(), nullable=False),
        sa.Column("fresh", sa.Integer(), nullable=False),
        sa.Column("stale", sa.Integer(), nullable=False),
        sa.Column("never", sa.Integer(), nullable=False),
        sa.Column("failing", sa.Integer(), nullable=False),
        sa.Column("oldest", sa.DateTime()),
        sa.Column("distribution", JSON),
    )


def downgrade() -> None:
    op.drop_table("cron_samples")
    op.drop_table("cron_calls")
    op.drop_column("cron_stock_states", "result_kinds")
