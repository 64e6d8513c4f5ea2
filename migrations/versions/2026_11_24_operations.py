"""How each stock fared, what is paused, and a run log that is quick to read however long it is."""

import sqlalchemy as sa
from alembic import op

revision = "2026_11_24_operations"
down_revision = "2026_11_23_tables"
branch_labels = None
depends_on = None

NEWEST_BY = ("job_name", "status")


def upgrade() -> None:
    op.create_table(
        "cron_stock_states",
        sa.Column("job", sa.String(20), primary_key=True),
        sa.Column("ticker", sa.Text(), primary_key=True),
        sa.Column("last_cycle_id", sa.Uuid(), nullable=False),
        sa.Column("last_refreshed_at", sa.DateTime()),
        sa.Column("last_failed_at", sa.DateTime()),
        sa.Column("failing_since", sa.DateTime()),
        sa.Column("consecutive_failures", sa.Integer(), nullable=False),
        sa.Column("last_error", sa.Text()),
        # Every row is updated in every cycle: with room on its page, an update touches no index.
        postgresql_with={"fillfactor": "50"},
    )
    op.create_table(
        "cron_pauses",
        sa.Column("job", sa.String(20), primary_key=True),
        sa.Column("reason", sa.Text()),
        sa.Column("paused_at", sa.DateTime(), nullable=False),
    )
    if not _run_log_is_ours():
        return
    for name in NEWEST_BY:
        newest_first = [sa.text(name), sa.text("started_at DESC"), sa.text("id DESC")]
        op.create_index(f"ix_cron_job_runs_{name}_started_at", "cron_job_runs", newest_first)


def downgrade() -> None:
    if _run_log_is_ours():
        for name in NEWEST_BY:
            op.drop_index(f"ix_cron_job_runs_{name}_started_at", "cron_job_runs")
    op.drop_table("cron_pauses")
    op.drop_table("cron_stock_states")


def _run_log_is_ours() -> bool:
    """Whether cron_job_runs was made by these migrations; the platform's own tables stay as they are."""
    made = sa.table("cron_made_tables", sa.column("table_name"))
    ours = sa.select(made.c.table_name).where(made.c.table_name == "cron_job_runs")
    return op.get_bind().execute(ours).first() is not None
