"""The rows that a refresh writes, a whole group of stocks a statement."""

from collections.abc import Sequence

from sqlalchemy import Connection

from vettr_cron.models.tables import red_flag_history, stocks, vetr_score_history, vetr_score_snapshots
from vettr_cron.repositories.bulk import Row, set_column, upsert


def save_scores(
    connection: Connection, history: Sequence[Row], snapshots: Sequence[Row], overall: Sequence[Row]
) -> None:
    """Write score rows by id, the day's snapshots by ticker and day, and stocks.vetr_score. Raises RowsRefused."""
    upsert(connection, vetr_score_history, history)
    upsert(connection, vetr_score_snapshots, snapshots, key=("stock_ticker", "recorded_at"))
    set_column(connection, stocks, "vetr_score", overall)


def save_red_flags(connection: Connection, flags: Sequence[Row]) -> None:
    """Write red flag rows by id. Raises RowsRefused."""
    upsert(connection, red_flag_history, flags)
