"""The red flags job: five flags for every stock, and their composite."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

import orjson
from sqlalchemy import Connection

from vettr_cron.domain.attempt import Attempt
from vettr_cron.domain.errors import Problem
from vettr_cron.domain.red_flags import RedFlag, RedFlagReport, red_flags
from vettr_cron.domain.timestamps import iso_milliseconds
from vettr_cron.jobs.job import Chunk, Item, Job, chunk_of
from vettr_cron.models.tables import red_flag_history
from vettr_cron.models.types import Row
from vettr_cron.repositories import red_flag_inputs, results
from vettr_cron.repositories.column_limits import check_column_limits
from vettr_cron.repositories.universe import Selection


class RedFlagResult(NamedTuple):
    """The rows and the answer of one stock."""

    flags: Sequence[Row]
    answer: str


def load(connection: Connection, selection: Selection, now: datetime) -> Chunk:
    """The selected stocks with everything that the red flag rules read."""
    return chunk_of(*red_flag_inputs.load(connection, selection, now))


def evaluate(item: Item, attempt: Attempt) -> RedFlagResult:
    """The flags of one stock as they will be written. Raises StockDataError."""
    report = red_flags(item.inputs, attempt.now)
    ids = attempt.row_ids(item.stock_id, *(flag.flag_type for flag in report.flags))
    rows = [_row(row_id, flag, item) for row_id, flag in zip(ids, report.flags, strict=True)]
    check_column_limits(red_flag_history, rows[0])  # the others differ only in values that always fit
    answer = orjson.dumps(_answer(report, attempt.now)).decode()
    return RedFlagResult(rows, answer)


def save(connection: Connection, attempt: Attempt, group: Sequence[RedFlagResult]) -> Mapping[str, Problem]:
    """Write a group's flags. Returns why some do not exist afterwards. Raises RowsRefused."""
    return results.save_red_flags(connection, attempt.now, [row for result in group for row in result.flags])


def _row(row_id: str, flag: RedFlag, item: Item) -> Row:
    return {
        "id": row_id,
        "stock_ticker": item.ticker,
        "flag_type": flag.flag_type,
        "severity": flag.severity,
        "score": flag.score,
        "description": flag.description,
    }


def _answer(report: RedFlagReport, now: datetime) -> dict[str, object]:
    return {
        "ticker": report.ticker,
        "composite_score": report.composite_score,
        "severity": report.severity,
        "flags": [_shown(flag) for flag in report.flags],
        "detected_at": iso_milliseconds(now),
    }


def _shown(flag: RedFlag) -> dict[str, object]:
    return {
        "flag_type": flag.flag_type,
        "score": flag.score,
        "weight": flag.weight,
        "weighted_score": flag.weighted_score,
        "description": flag.description,
    }


RED_FLAGS = Job(
    name="red-flags",
    run_name="refresh-red-flags",
    reads=red_flag_inputs.TABLES,
    writes=(red_flag_history,),
    load=load,
    evaluate=evaluate,
    save=save,
    answer=lambda result: result.answer,
    answer_key="red_flags:{}".format,
    kinds=lambda result: [row["severity"] for row in result.flags],
)
