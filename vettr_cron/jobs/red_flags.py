"""The red flags job: five flags for every stock, and their composite."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import orjson
from sqlalchemy import Connection

from vettr_cron.domain.red_flags import RedFlagReport, red_flags
from vettr_cron.domain.timestamps import iso_milliseconds
from vettr_cron.jobs.job import Chunk, Item, Job, Occasion
from vettr_cron.models.tables import red_flag_history
from vettr_cron.repositories import red_flag_inputs, results
from vettr_cron.repositories.bulk import Row
from vettr_cron.repositories.fit import check_fits
from vettr_cron.repositories.stocks import Selection


@dataclass(frozen=True, slots=True)
class RedFlagResult:
    """The rows and the answer of one stock."""

    flags: Sequence[Row]
    answer: tuple[str, str]


def load(connection: Connection, selection: Selection, now: datetime) -> Chunk:
    """The selected stocks with everything that the flags' rules read."""
    found, inputs = red_flag_inputs.load(connection, selection, now)
    items = [Item(row.id, row.ticker, values) for row, values in zip(found.rows, inputs, strict=True)]
    return Chunk(items, found.ends_universe)


def evaluate(item: Item, occasion: Occasion) -> RedFlagResult:
    """The flags of one stock as they will be written. Raises StockDataError."""
    report = red_flags(item.inputs, occasion.now)
    rows = [_row(flag_row, item, occasion) for flag_row in _flag_rows(report)]
    for row in rows:
        check_fits(red_flag_history, row)
    answer = orjson.dumps(_answer(report, occasion.now)).decode()
    return RedFlagResult(rows, (f"red_flags:{item.ticker}", answer))


def save(connection: Connection, group: Sequence[RedFlagResult]) -> None:
    """Write a group's flags. Raises RowsRefused."""
    results.save_red_flags(connection, [row for result in group for row in result.flags])


def _flag_rows(report: RedFlagReport) -> list[dict[str, object]]:
    names = ("flag_type", "severity", "score", "description")
    return [{name: getattr(flag, name) for name in names} for flag in report.flags]


def _row(flag: dict[str, object], item: Item, occasion: Occasion) -> Row:
    return {
        "id": occasion.row_id(item.stock_id, str(flag["flag_type"])),
        "stock_ticker": item.ticker,
        **flag,
        "detected_at": occasion.now,
    }


def _answer(report: RedFlagReport, now: datetime) -> dict[str, object]:
    names = ("flag_type", "score", "weight", "weighted_score", "description")
    return {
        "ticker": report.ticker,
        "composite_score": report.composite_score,
        "severity": report.severity,
        "flags": [{name: getattr(flag, name) for name in names} for flag in report.flags],
        "detected_at": iso_milliseconds(now),
    }


RED_FLAGS = Job(
    name="red-flags",
    run_name="refresh-red-flags",
    load=load,
    evaluate=evaluate,
    save=save,
    answer=lambda result: result.answer,
)
