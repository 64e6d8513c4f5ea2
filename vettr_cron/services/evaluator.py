"""A second process of this service's own, which reads and evaluates a chunk while this one saves the chunk before it.

Python computes on one core. Where the database is a server's, reading and writing are work for another; where it is a
SQLite file, all work is this process's own. The second process writes nothing: it may end, or be ended, at any time,
and this one then does for itself what was asked of it.
"""

import os
import subprocess
import sys
import threading
import weakref
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any, NamedTuple

import structlog
from sqlalchemy.engine import URL

from vettr_cron.jobs.job import Item, Occasion
from vettr_cron.repositories.stocks import Beyond
from vettr_cron.services.engine import BatchOutcome

if TYPE_CHECKING:
    from multiprocessing.connection import Connection

MAIN = "vettr_cron.services.evaluator_main"

log = structlog.get_logger(__name__)


class Setup(NamedTuple):
    """What the second process is told first. It answers None once it is ready."""

    database_url: URL
    longest_wait: float  # seconds that a transaction may last
    readable_logs: bool
    idle_seconds: float = 60.0  # after which the process ends


class Task(NamedTuple):
    """A chunk to be read and evaluated; the answer is an EvaluatedChunk, or words that say why there is none."""

    job: str
    selection: Beyond
    occasion: Occasion
    batch_size: int
    log_context: Mapping[str, Any]


ENOUGH = "enough"  # to whoever evaluates: what is not begun yet is done here


class EvaluatedChunk(NamedTuple):
    """Consecutive stocks in the universe's order, and the outcomes of their first batches: of all, some or none.

    From the second process the stocks of those batches come without their inputs.
    """

    items: Sequence[Item]
    ends_universe: bool
    outcomes: Sequence[BatchOutcome] = ()


class EvaluatorFailed(Exception):
    """The second process gave no answer; the reason is for the log."""


class Evaluator:
    """The second process: started for whoever has much to do; it ends after a minute in which nobody had."""

    def __init__(self, setup: Setup) -> None:
        self._setup = setup
        self._busy = threading.Lock()
        self._process: _Process | None = None

    def start(self) -> None:
        """Start the process where there is none. It will be ready a second later."""
        with self._unless_busy() as free:
            if not free or (self._process is not None and self._process.is_alive):
                return
            self._discard()
            try:
                self._process = _Process(self._setup)
            except Exception as error:
                # No process may be had, or no memory: whatever it is, the call does all the work itself.
                log.warning("no_second_process", reason=str(error))

    @property
    def is_ready(self) -> bool:
        """Whether the process is there and has nothing to do."""
        with self._unless_busy() as free:
            return free and self._process is not None and self._process.is_ready

    def evaluate(self, task: Task) -> EvaluatedChunk:
        """The chunk, read and evaluated. Raises EvaluatorFailed, also when the process is killed meanwhile."""
        with self._unless_busy() as free:
            if not free:
                raise EvaluatorFailed("it evaluates for another call")
            if self._process is None or not self._process.is_ready:
                raise EvaluatorFailed("it is not there")
            try:
                answer = self._process.answer(task)
            except (EOFError, OSError) as error:
                self._discard()
                raise EvaluatorFailed("it ended") from error
        if not isinstance(answer, EvaluatedChunk):
            raise EvaluatorFailed(answer)
        return answer

    @contextmanager
    def _unless_busy(self) -> Iterator[bool]:
        """Whether the block has the process to itself; it waits for no other call's chunk."""
        free = self._busy.acquire(blocking=False)
        try:
            yield free
        finally:
            if free:
                self._busy.release()

    def hurry(self) -> None:
        """Have the answer as soon as may be: with the outcomes that there are, and inputs instead of the others."""
        process = self._process
        if process is not None:
            process.hurry()

    def kill(self) -> None:
        """End the process, whatever it does: who waits for an answer is told that there is none."""
        process = self._process
        if process is not None:
            process.kill()

    def _discard(self) -> None:
        if self._process is not None:
            self._process.end()
        self._process = None


class _Process:
    """The process and the way to it. It ends when nobody holds the other end of that way: with this one, at the latest.

    Raises OSError when there cannot be one.
    """

    def __init__(self, setup: Setup) -> None:
        from multiprocessing.connection import Pipe  # only where there is much to do

        self._connection, theirs = Pipe()
        with theirs:
            # In a session of its own: a Ctrl-C is for this process, which saves what is in hand.
            self._program = subprocess.Popen(
                [sys.executable, "-m", MAIN, str(theirs.fileno())],
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                start_new_session=True,
                env=os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
            )
        self._has_greeted = False
        # One thread may say ENOUGH while another, which waits for the answer, finds that the process has ended.
        self._closing = threading.Lock()
        self._end = weakref.finalize(self, _end, self._program, self._connection)
        with suppress(OSError):  # it is dead already, as will be seen
            self._connection.send(setup)

    @property
    def is_alive(self) -> bool:
        return self._program.poll() is None

    @property
    def is_ready(self) -> bool:
        with suppress(EOFError, OSError):
            if not self._has_greeted and self._connection.poll():
                self._has_greeted = self._connection.recv() is None
        return self._has_greeted and self.is_alive

    def answer(self, task: Task) -> Any:
        """What it answers. Raises EOFError or OSError when it has ended."""
        self._connection.send(task)
        return self._connection.recv()

    def hurry(self) -> None:
        with self._closing:
            if self._end.alive:
                with suppress(OSError):  # it has ended, as whoever waits for the answer is told
                    self._connection.send(ENOUGH)

    def kill(self) -> None:
        self._program.kill()

    def end(self) -> None:
        with self._closing:
            self._end()


def _end(program: "subprocess.Popen[bytes]", connection: "Connection") -> None:
    program.kill()
    program.wait()
    connection.close()
