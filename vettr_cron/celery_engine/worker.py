"""The worker's side: takes groups from the queue, and leaves what came of them for their callers."""

import os
import signal
import socket
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any

import structlog
from billiard import active_children
from celery import Celery, signals
from celery.exceptions import Reject
from celery.worker import state
from redis import Redis
from redis.exceptions import RedisError
from tenacity import Retrying, retry_if_exception_type, stop_after_delay, wait_fixed

from vettr_cron import __version__
from vettr_cron.celery_engine.broker import STOP_SECONDS, TASK
from vettr_cron.celery_engine.messages import (
    LONGEST_ERROR,
    GroupMessage,
    OutcomeMessage,
    Refusal,
    UnknownForm,
    packed_outcome,
    unpacked_group,
)
from vettr_cron.database.transactions import Database
from vettr_cron.domain.engine import Worker
from vettr_cron.domain.errors import (
    CronError,
    DatabaseUnavailable,
    InputsUnreadable,
    RedisUnavailable,
    RunSuperseded,
    RunUnknown,
    ServiceUnavailable,
    unexpected,
)
from vettr_cron.jobs.job import Job
from vettr_cron.logs import log_unavailable
from vettr_cron.redis_store.groups import MOST_DELIVERIES, QUEUE_PREFIX, Groups
from vettr_cron.services.refresh.group import GroupContext, run_group

REPORT_SECONDS = 1.0
SEEN_SECONDS = 2.0
PAUSE_SECONDS = 2.0  # between two looks of a worker that cannot do what others may be able to
LONGEST_PAUSE_SECONDS, FORM_PAUSE_SECONDS = 60.0, 10.0
FASTEST_CLOCK_SECONDS = 5.0
OUTCOME_SECONDS = 30.0  # for which a worker tries to leave an outcome

log = structlog.get_logger(__name__)


class GroupWorker:
    """What a worker process does with each group that it is given."""

    def __init__(self, database: Database, redis: Redis, jobs: Mapping[str, Job], threads: int, name: str) -> None:
        self._database = database
        self._redis = redis
        self._groups = Groups(redis)
        self._jobs = jobs
        self._threads = threads
        self._name = name

    def do(self, values: Mapping[str, Any], group: str, job: str, tag: str) -> None:
        """Do a group, and leave its outcome. `tag` is the message's, by which the broker knows that it is in work.

        Raises Reject, so that the broker gives the group to another worker, if the outcome cannot be left.
        """
        try:
            answer = self._answer(values, job, tag)
            if answer is not None:
                self._leave(job, group, answer)
                self._pause_after(answer.refusal)
        except RedisUnavailable as problem:
            log_unavailable(problem, group=group)
            time.sleep(PAUSE_SECONDS)  # or it would be back at once, and again
            raise Reject(str(problem), requeue=True) from problem

    def _pause_after(self, refusal: Refusal | None) -> None:
        """Leave the queue to workers that can do what this one cannot."""
        if refusal is Refusal.FORM:
            time.sleep(FORM_PAUSE_SECONDS)
        ends = time.monotonic() + LONGEST_PAUSE_SECONDS
        while refusal is Refusal.DATABASE and time.monotonic() < ends:
            time.sleep(PAUSE_SECONDS)
            with suppress(ServiceUnavailable), self._database.reading(PAUSE_SECONDS):
                return

    def _answer(self, values: Mapping[str, Any], job: str, tag: str) -> OutcomeMessage | None:
        """What the caller is told; None if nobody wants the group any more."""
        try:
            message = unpacked_group(values)
            if message.task.job not in self._jobs:
                raise UnknownForm(f"it does not know the job {message.task.job}; run callers and workers alike")
        except UnknownForm as problem:
            log.error("group_not_known", reason=str(problem))
            return OutcomeMessage(worker=self._name, refusal=Refusal.FORM, error=str(problem))
        times = self._groups.take(job, message.call, message.group)
        if not times:
            log.info("group_dropped", job=job, group=message.group)
            return None
        if times > MOST_DELIVERIES:
            return OutcomeMessage(worker=self._name, refusal=Refusal.LOST)
        return self._outcome(message, tag, times)

    def _outcome(self, message: GroupMessage, tag: str, times: int) -> OutcomeMessage:
        try:
            with self._reporting(message, tag, times) as report:
                context = GroupContext(
                    database=self._database,
                    jobs=self._jobs,
                    workers=self._threads,
                    is_stopped=lambda: report.is_stopped,
                    is_superseded=lambda: report.is_unwanted,
                    note_progress=report.note_progress,
                    side_by_side=True,
                )
                return OutcomeMessage(worker=self._name, outcome=run_group(context, message.task))
        except RunSuperseded as problem:
            return self._refused(Refusal.SUPERSEDED, str(problem))
        except DatabaseUnavailable as problem:
            log_unavailable(problem, job=message.task.job)
            return self._refused(Refusal.DATABASE, str(problem))
        except RunUnknown as problem:
            log.error("run_not_known", reason=str(problem))
            return self._refused(Refusal.FORM, str(problem))
        except InputsUnreadable as problem:
            return self._refused(Refusal.INPUTS, str(problem))
        except Exception as bug:
            log.exception("group_broke_off", job=message.task.job, run_id=str(message.task.run.id))
            return self._refused(Refusal.ERROR, unexpected(bug).error)

    def _refused(self, why: Refusal, error: str) -> OutcomeMessage:
        return OutcomeMessage(worker=self._name, refusal=why, error=error[:LONGEST_ERROR])

    @contextmanager
    def _reporting(self, message: GroupMessage, tag: str, times: int) -> Iterator["_Report"]:
        report, done = _Report(times), threading.Event()
        thread = threading.Thread(target=self._report, args=(message, tag, report, done), name="report", daemon=True)
        thread.start()
        try:
            yield report
        finally:
            done.set()
            thread.join()

    def _report(self, message: GroupMessage, tag: str, report: "_Report", done: threading.Event) -> None:
        while not done.wait(REPORT_SECONDS):
            with suppress(RedisUnavailable, RedisError):  # if it stays away, the group cannot be left either
                # Or the broker would give the group to another worker, as if this one were dead.
                self._redis.zadd(f"{QUEUE_PREFIX}unacked_index", {tag: time.time()}, xx=True)
                is_wanted, report.is_stopped = self._groups.report(
                    message.task.job, message.call, message.group, report.evaluated, report.times
                )
                report.is_unwanted = not is_wanted
                report.is_stopped = report.is_stopped or report.is_unwanted

    def _leave(self, job: str, group: str, answer: OutcomeMessage) -> None:
        try:
            text = packed_outcome(answer)
        except Exception as bug:  # the broker takes a group that broke off for done, and its caller would wait
            log.exception("outcome_not_packed", job=job)
            text = packed_outcome(self._refused(Refusal.ERROR, unexpected(bug).error))
        for attempt in Retrying(
            retry=retry_if_exception_type(RedisUnavailable),
            stop=stop_after_delay(OUTCOME_SECONDS),
            wait=wait_fixed(1),
            reraise=True,
        ):
            with attempt:
                self._groups.leave_outcome(job, group, text)


class _Report:
    """What a group's caller and its worker know of each other."""

    def __init__(self, times: int) -> None:
        self.times = times  # how often the group was begun, this time too
        self.evaluated = 0
        self.is_stopped = False
        self.is_unwanted = False

    def note_progress(self) -> None:
        self.evaluated += 1


def run_worker(
    app: Celery, database: Database, redis: Redis, jobs: Mapping[str, Job], threads: int, processes: int
) -> int:
    """Do groups in that many processes until the process is asked to stop. Returns the exit status."""
    groups = Groups(redis)
    _check_clock(groups)
    me = Worker(f"{socket.gethostname()}:{os.getpid()}", __version__, processes, list(jobs))
    done = GroupWorker(database, redis, jobs, threads, me.name)

    def group(task: Any, values: dict[str, Any]) -> None:
        request = task.request
        done.do(values, request.id, request.delivery_info["routing_key"], request.properties["delivery_tag"])

    def keep_our_own(**_given: Any) -> None:
        """Celery sets up no logging if this signal has a receiver."""

    def leave_connections_to_the_parent(**_given: Any) -> None:
        database.engine.dispose(close=False)

    app.task(name=TASK, bind=True)(group)
    signals.worker_ready.connect(lambda **_given: _stop_in_time(groups), weak=False)
    signals.setup_logging.connect(keep_our_own, weak=False)
    signals.worker_process_init.connect(leave_connections_to_the_parent, weak=False)
    with _seen(groups, me):
        worker = app.Worker(
            concurrency=processes,
            pool="prefork",
            hostname=f"vettr-cron@{me.name}",
            without_gossip=True,
            without_mingle=True,
            without_heartbeat=True,
            quiet=True,
        )
        worker.start()
        return int(worker.exitcode or 0)


def _check_clock(groups: Groups) -> None:
    """Raise CronError if this machine's clock would make other workers look dead to the broker, or this one to them."""
    ahead = time.time() - groups.now()
    if abs(ahead) > FASTEST_CLOCK_SECONDS:
        side = "ahead of" if ahead > 0 else "behind"
        raise CronError(
            f"This machine's clock is {abs(ahead):.0f} s {side} Redis' machine's, so the broker would take living "
            "workers for dead ones; let NTP set both (`timedatectl set-ntp true`)"
        )


def _stop_in_time(groups: Groups) -> None:
    """Let every stop be that of SIGTERM, let none take longer than it should, and let none count as a death.

    A thread that evaluates a stock cannot be told to stop, and its process would wait for it.
    """
    stop: Any = signal.getsignal(signal.SIGTERM)

    def begin(number: int, frame: Any) -> None:
        for seconds, act in ((STOP_SECONDS - 0.1, lambda: _give_back(groups)), (STOP_SECONDS + 1, _kill_processes)):
            timer = threading.Timer(seconds, act)
            timer.daemon = True
            timer.start()
        stop(number, frame)

    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGQUIT):
        signal.signal(number, begin)


def _give_back(groups: Groups) -> None:
    for request in list(state.active_requests):
        with suppress(RedisUnavailable):
            groups.give_back(request.delivery_info["routing_key"], request.id)


def _kill_processes() -> None:
    for process in active_children():
        os.kill(process.pid, signal.SIGKILL)


@contextmanager
def _seen(groups: Groups, worker: Worker) -> Iterator[None]:
    """Let callers and doctor know that the worker is alive, until the block ends."""
    done = threading.Event()

    def tell() -> None:
        while True:
            with suppress(RedisUnavailable):
                groups.seen(worker)
            if done.wait(SEEN_SECONDS):
                return

    thread = threading.Thread(target=tell, name="seen", daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()
        with suppress(RedisUnavailable):
            groups.gone(worker)
