"""The price ages job: how many days old each stock's newest price is."""

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import cache
from typing import Any

from sqlalchemy import Column, Connection, Integer, MetaData, Select, String, Table, select

from vettr_cron.domain.attempt import Attempt
from vettr_cron.domain.errors import StockDataError
from vettr_cron.jobs.job import Chunk, Item, Job, chunk_of
from vettr_cron.models.tables import stock_daily_prices, stocks
from vettr_cron.models.types import Id, Row, Timestamp
from vettr_cron.repositories.bulk import not_kept, upsert
from vettr_cron.repositories.universe import Scope, Selection, chosen_of, newest_of, read_page

price_ages = Table(
    "cron_price_ages",
    MetaData(),
    Column("id", Id, primary_key=True),
    Column("stock_ticker", String(20), nullable=False),
    Column("days", Integer, nullable=False),
    Column("computed_at", Timestamp, nullable=False),
)


@cache
def _query(scope: Scope) -> Select[Any]:
    newest = newest_of(stock_daily_prices, stock_daily_prices.c.date)
    return chosen_of(select(stocks.c.id, stocks.c.ticker, newest), scope)


def load(connection: Connection, selection: Selection, now: datetime) -> Chunk:
    """The selected stocks, each with the date of its newest price."""
    page = read_page(connection, _query(selection.scope), selection)
    return chunk_of(page, [newest for _id, _ticker, newest in page.rows])


def evaluate(item: Item, attempt: Attempt) -> Row:
    """The row to write for one stock. Raises StockDataError."""
    if item.inputs is None:
        raise StockDataError("stock_daily_prices.date", "is not there; one price is needed")
    (row_id,) = attempt.row_ids(item.stock_id, "cron_price_ages")
    days = (attempt.now.date() - item.inputs).days
    return {"id": row_id, "stock_ticker": item.ticker, "days": days, "computed_at": attempt.now}


def save(connection: Connection, attempt: Attempt, rows: Sequence[Row]) -> Mapping[str, str]:
    """Write a group's rows; why some are not there. Raises RowsRefused."""
    lost = upsert(connection, price_ages, rows)
    return {row["stock_ticker"]: not_kept(price_ages) for row in lost}


def answer(row: Row) -> tuple[str, str]:
    """What the platform's API takes from Redis."""
    return f"price_age:{row['stock_ticker']}", json.dumps({"ticker": row["stock_ticker"], "days": row["days"]})


PRICE_AGES = Job(
    name="price-ages",
    run_name="refresh-price-ages",
    reads=(stocks, stock_daily_prices),
    writes=(price_ages,),
    load=load,
    evaluate=evaluate,
    save=save,
    answer=answer,
)
