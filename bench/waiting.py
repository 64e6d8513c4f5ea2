"""A job that waits instead of computing: what more workers gain when none of them needs a core for itself."""

import time
from collections.abc import Mapping, Sequence
from datetime import datetime

from sqlalchemy import Connection

from vettr_cron.domain.attempt import Attempt
from vettr_cron.domain.errors import Problem
from vettr_cron.jobs.job import Chunk, Item, Job, chunk_of
from vettr_cron.models.tables import stocks
from vettr_cron.repositories import universe
from vettr_cron.repositories.universe import Selection

SECONDS = 0.005  # for each stock


def load(connection: Connection, selection: Selection, _now: datetime) -> Chunk:
    """The selected stocks, of which nothing but ids and tickers is read."""
    page = universe.names(connection, selection)
    return chunk_of(page, [None] * len(page.rows))


def evaluate(item: Item, _attempt: Attempt) -> str:
    """Wait, as for a reply of another server."""
    time.sleep(SECONDS)
    return item.ticker


def save(_connection: Connection, _attempt: Attempt, _group: Sequence[str]) -> Mapping[str, Problem]:
    """Write nothing; the service still records how each stock fared."""
    return {}


WAITING = Job(
    name="scores",
    run_name="refresh-scores",
    reads=(stocks,),
    writes=(),
    load=load,
    evaluate=evaluate,
    save=save,
    answer='{{"ticker":"{}"}}'.format,
    answer_key="vetr_score:{}".format,
)
