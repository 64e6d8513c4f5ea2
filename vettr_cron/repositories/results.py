"""The rows that a refresh writes, a whole group of stocks per statement."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from sqlalchemy import Connection, Table, inspect

from vettr_cron.domain.errors import Problem
from vettr_cron.models.tables import red_flag_history, stocks, vetr_score_history, vetr_score_snapshots
from vettr_cron.models.types import Row
from vettr_cron.repositories.bulk import not_kept, set_column, upsert


def save_scores(
    connection: Connection, now: datetime, history: Sequence[Row], snapshots: Sequence[Row], overall: Sequence[Row]
) -> Mapping[str, Problem]:
    """Write score rows by id, the day's snapshots by ticker and day, and stocks.vetr_score by the stock's id.

    Returns, by ticker, why some of them do not exist afterwards. Raises RowsRefused.
    """
    # The platform has retired the technical momentum score, but keeps the column.
    shared = {"technical_momentum_score": 0, "calculated_at": now}
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
    by_day = ("stock_ticker", "recorded_at")
    return (
        _reasons(vetr_score_history, upsert(connection, vetr_score_history, history, shared=shared))
        | _reasons(
            vetr_score_snapshots,
            upsert(
                connection,
                vetr_score_snapshots,
                snapshots,
                by_day,
                shared={"recorded_at": midnight},
                verify="overall_score",
            ),
        )
        | _reasons(stocks, set_column(connection, stocks, "vetr_score", overall))
    )


def save_red_flags(connection: Connection, now: datetime, flags: Sequence[Row]) -> Mapping[str, Problem]:
    """Write red flag rows by id. Returns, by ticker, why some do not exist afterwards. Raises RowsRefused."""
    return _reasons(red_flag_history, upsert(connection, red_flag_history, flags, shared={"detected_at": now}))


def _reasons(table: Table, rows: Sequence[Row]) -> dict[str, Problem]:
    return {row["stock_ticker"]: not_kept(table) for row in rows}


def longest_flagged_ticker(connection: Connection) -> int | None:
    """The longest ticker that this database's red_flag_history accepts; None if there is no limit, or no such table."""
    name = red_flag_history.c.stock_ticker.name
    found = inspect(connection).get_multi_columns(filter_names=[red_flag_history.name])
    types = [column["type"] for columns in found.values() for column in columns if column["name"] == name]
    return getattr(types[0], "length", None) if types else None
