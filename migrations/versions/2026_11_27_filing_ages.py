"""filing ages"""

import sqlalchemy as sa
from alembic import op

revision = '913ec63d4bd0'
down_revision = '2026_11_27_calls_and_samples'
branch_labels = None
depends_on = None


def upgrade() -> None:
    pass


def downgrade() -> None:
    pass
