"""Why each stock failed, as one of a kind, and what the service notes about this database."""

import sqlalchemy as sa
from alembic import op

revision = "2026_11_26_reasons_and_marks"
down_revision = "2026_11_24_operations"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("cron_stock_states", sa.Column("last_reason", sa.Text()))
    op.create_table(
        "cron_marks",
        sa.Column("name", sa.String(50), primary_key=True),
        sa.Column("value", sa.Text(), nullable=False),
    )


def downgrade() -> None:
    op.drop_table("cron_marks")
    op.drop_column("cron_stock_states", "last_reason")
