"""python -m vettr_cron.services.evaluator_main FD: the second process, which evaluates what comes in over a descriptor.

It ends with the process that started it, however that ends: nobody then holds the other end. Signals are for that one.
"""

import select
import signal
import sys
from contextlib import suppress
from datetime import datetime, timedelta
from multiprocessing.connection import Connection
from typing import NamedTuple

import structlog
from sqlalchemy import create_engine

from vettr_cron import collector
from vettr_cron.database import Database, engine_options, prepare_engine
from vettr_cron.jobs import JOBS
from vettr_cron.jobs.job import Chunk, Item
from vettr_cron.logs import configure_logs
from vettr_cron.repositories.stocks import Beyond
from vettr_cron.services.clock import utc_now
from vettr_cron.services.engine import BatchOutcome, Evaluated, batches_of, evaluate_batch
from vettr_cron.services.evaluator import EvaluatedChunk, Setup, Task

FRESH = timedelta(seconds=1)


class _Evaluating:
    """Answers one task after the other, and reads the chunk that will be the next while nobody asks for it yet."""

    def __init__(self, connection: Connection, database: Database) -> None:
        self._connection = connection
        self._database = database
        self._read: _Read | None = None

    def answer(self, task: Task) -> None:
        """Send what the task asks for, or why there is none, and read on."""
        try:
            with structlog.contextvars.bound_contextvars(**task.log_context):
                answer = self._evaluated(task)
        except Exception as problem:
            # Whoever asked reads and evaluates the chunk again, and has the same trouble at first hand.
            self._connection.send(f"{type(problem).__name__}: {problem}")
            return
        self._connection.send(answer)
        if not answer.ends_universe:
            with suppress(Exception):  # as above
                self._read = self._reading(task.job, Beyond(answer.items[-1].ticker, task.selection.limit), utc_now())

    def _evaluated(self, task: Task) -> EvaluatedChunk:
        read, self._read = self._read, None
        if read is None or not read.serves(task):
            read = self._reading(task.job, task.selection, task.occasion.now)
        items: list[Item] = []
        outcomes: list[BatchOutcome] = []
        for batch in batches_of(read.chunk.items, task.batch_size):
            if outcomes and select.select([self._connection], [], [], 0)[0]:  # Connection.poll takes ten times as long
                break
            outcomes.append(_without_inputs(evaluate_batch(JOBS[task.job], task.occasion, batch)))
            items += outcomes[-1].items
        rest = read.chunk.items[len(items) :]
        return EvaluatedChunk([*items, *rest], read.chunk.ends_universe, outcomes)

    def _reading(self, job: str, selection: Beyond, now: datetime) -> "_Read":
        with self._database.looking_up() as connection:
            return _Read(job, selection, now, JOBS[job].load(connection, selection, now))


class _Read(NamedTuple):
    job: str
    selection: Beyond
    now: datetime
    chunk: Chunk

    def serves(self, task: Task) -> bool:
        """Whether it is what the task asks for, read a moment before: the rules judge every date again."""
        is_fresh = timedelta() <= task.occasion.now - self.now < FRESH
        return is_fresh and (self.job, self.selection) == (task.job, task.selection)


def _without_inputs(batch: BatchOutcome) -> BatchOutcome:
    """What is to be saved; the inputs have served, and would be most of what is sent."""
    items = [item._replace(inputs=None) for item in batch.items]
    evaluated = [Evaluated(item._replace(inputs=None), result) for item, result in batch.evaluated]
    return BatchOutcome(items, evaluated, batch.failures)


def main(connection: Connection) -> None:
    """Answer one task after the other, until nobody asks any more."""
    setup: Setup = connection.recv()
    configure_logs(readable=setup.readable_logs)
    engine = create_engine(setup.database_url, **engine_options(setup.database_url))
    prepare_engine(engine)
    evaluating = _Evaluating(connection, Database(engine, setup.longest_wait))
    collector.settle()
    connection.send(None)
    while connection.poll(setup.idle_seconds):
        message = connection.recv()
        if isinstance(message, Task):  # otherwise ENOUGH, which came too late
            evaluating.answer(message)


if __name__ == "__main__":
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    with suppress(EOFError, OSError):  # nobody holds the other end any more
        main(Connection(int(sys.argv[1])))
