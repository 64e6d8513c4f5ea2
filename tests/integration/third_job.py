"""The filing ages job: how many days old each stock's newest filing is."""

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import cache
from typing import Any

from sqlalchemy import Column, Connection, Integer, MetaData, Select, String, Table, select

from vettr_cron.domain.attempt import Attempt
from vettr_cron.domain.data_checks import check_timestamps
from vettr_cron.domain.errors import Problem
from vettr_cron.jobs.job import Chunk, Item, Job, chunk_of
from vettr_cron.models.tables import filings, stocks
from vettr_cron.models.types import Row, Timestamp
from vettr_cron.repositories.bulk import not_kept, upsert
from vettr_cron.repositories.column_limits import check_column_limits
from vettr_cron.repositories.universe import Scope, Selection, chosen_of, newest_of, read_page

filing_ages = Table(
    "cron_filing_ages",
    MetaData(),
    Column("stock_ticker", String(20), primary_key=True),
    Column("days", Integer, nullable=False),
    Column("computed_at", Timestamp, nullable=False),
)


@cache  # building a statement takes longer than running it
def _newest_filings(scope: Scope) -> Select[Any]:
    return chosen_of(select(stocks.c.id, stocks.c.ticker, newest_of(filings, filings.c.date)), scope)


def load(connection: Connection, selection: Selection, now: datetime) -> Chunk:
    """The selected stocks, each with the time of its newest filing."""
    page = read_page(connection, _newest_filings(selection.scope), selection)
    return chunk_of(page, [newest for _id, _ticker, newest in page.rows])


def evaluate(item: Item, attempt: Attempt) -> Row:
    """The row of one stock as it will be written. Raises StockDataError."""
    check_timestamps("filings.date", [item.inputs])
    days = (attempt.now - item.inputs).days
    row = {"stock_ticker": item.ticker, "days": days, "computed_at": attempt.now}
    check_column_limits(filing_ages, row)
    return row


def save(connection: Connection, attempt: Attempt, rows: Sequence[Row]) -> Mapping[str, Problem]:
    """Write a group's rows, one for each ticker. Returns why some do not exist afterwards. Raises RowsRefused."""
    lost = upsert(connection, filing_ages, rows, key=("stock_ticker",), verify="computed_at")
    return {row["stock_ticker"]: not_kept(filing_ages) for row in lost}


def answer(row: Row) -> str:
    """The JSON that the platform's API reads from Redis."""
    return json.dumps({"ticker": row["stock_ticker"], "days": row["days"]})


def answer_key(ticker: str) -> str:
    """The key under which it finds it."""
    return f"filing_age:{ticker}"


FILING_AGES = Job(
    name="filing-ages",
    run_name="refresh-filing-ages",
    reads=(stocks, filings),
    writes=(filing_ages,),
    load=load,
    evaluate=evaluate,
    save=save,
    answer=answer,
    answer_key=answer_key,
)
