"""The caller's side: an executor whose groups are done by Celery's workers."""

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Executor, Future
from typing import Any
from uuid import UUID

import structlog
from celery import Celery
from kombu.exceptions import OperationalError
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import RedisError

from vettr_cron.celery_engine.broker import TASK
from vettr_cron.celery_engine.messages import (
    GroupMessage,
    OutcomeMessage,
    Refusal,
    UnknownForm,
    packed_group,
    unpacked_outcome,
)
from vettr_cron.celery_engine.submitted import Part, Submitted
from vettr_cron.domain.errors import (
    DatabaseUnavailable,
    GroupNotDone,
    InputsUnreadable,
    RedisUnavailable,
    RunSuperseded,
)
from vettr_cron.redis_store.client import redis_errors
from vettr_cron.redis_store.groups import Group, Groups
from vettr_cron.services.refresh.group import GroupOutcome, run_group

LOOK_SECONDS = 0.02  # between looks for outcomes; workers have the groups of the window meanwhile
WATCH_SECONDS, WATCH_SECONDS_AT_THE_END = 1.0, 0.1
FINISH_SECONDS = 3.0  # that workers have to save what they evaluate, once the call is to stop; within its time budget
NO_WORKER_SECONDS = 30.0  # that a call waits for a worker, if its time budget lets it
KEEP_SECONDS = 10.0  # between two signs of life of a call that has no group under way
OTHER_WORKER_SECONDS = 10.0  # in which another worker must begin a group that one has refused
UNSENT_SECONDS = 10.0  # after which a group that is neither waiting nor begun is sent again
SILENT_SECONDS = 5.0  # after which a group of which nothing is heard is not waited for beyond the call's time
DEAD_SECONDS = 30.0  # after which one is sent again that the broker, it seems, will give to no other worker
MOST_TIMES_SENT = 4
JOIN_SECONDS = 1.0  # that a call's end waits for its collector, which a silent Redis may keep
STALL_SECONDS = 300.0  # without any progress, after which a call that has no time budget gives up too

NO_WORKER = "no worker is alive that knows this job; start one, of this release: flask --app wsgi cron worker"
STALLED = f"no worker has begun a group or evaluated a stock for {STALL_SECONDS:g} s; the workers' logs may say why"
GONE = "what Redis knew of the groups under way is gone; was it emptied?"

log = structlog.get_logger(__name__)


class CeleryExecutor(Executor):
    """Has Celery's workers do the groups of one call, and collects what came of them.

    It takes `run_group` alone, which workers know: what it sends is the task, for each process makes its own context
    and reads its own inputs.
    """

    def __init__(self, app: Celery, groups: Groups, job: str, call_id: UUID) -> None:
        self._app = app
        self._groups = groups
        self._job = job
        self._call = str(call_id)
        self._changed = threading.Condition()
        self._submitted: list[Submitted] = []
        self._collector: threading.Thread | None = None
        # Of this call alone: a process that waits for its next call is to keep no connection.
        self._connection = app.connection_for_write()
        self._producer = app.amqp.Producer(self._connection, auto_declare=False)
        self._publishing = threading.Lock()
        self._is_over = False
        self._stops_at: float | None = None  # the moment (monotonic) to ask workers to stop, so as to end in time
        self._stop_asked_at: float | None = None
        self._waits_for_all = False
        self._begun_at = self._progressed_at = 0.0  # since when there are groups under way; when one last got on
        self._worked_at = 0.0  # when a stock was last found evaluated, or an outcome there
        self._first: Submitted | None = None
        self._redis_failed = False
        self._worker_seen_at: float | None = None
        self._watched_at = 0.0

    def submit(self, function: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        """Have a group done. Raises RedisUnavailable, RunSuperseded, GroupNotDone."""
        if function is not run_group:
            raise TypeError("workers know run_group alone")
        context, task, items = args
        submitted = Submitted(Future(), context, [Part(task, items)])
        if self._collector is None:
            self._begin(task.seconds_left)
        elif self._must_stop(submitted):
            submitted.future.set_result(GroupOutcome())
            return submitted.future
        self._send(submitted, submitted.parts)
        with self._changed:
            self._progressed_at = time.monotonic()
            self._first = self._first or submitted
            if not self._submitted:
                self._begun_at, self._worker_seen_at = self._progressed_at, None
            self._submitted.append(submitted)
            self._changed.notify()
        return submitted.future

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """End the call: what has no outcome yet is not wanted any more."""
        with self._changed:
            self._is_over = True
            self._changed.notify()
        if self._collector is None:
            return
        self._collector.join(JOIN_SECONDS)
        self._connection.release()
        if self._redis_failed or self._collector.is_alive():
            return  # Redis is silent: what it knows of the call expires
        try:
            self._groups.end(self._job, self._call)
        except RedisUnavailable as problem:
            log.warning("groups_not_ended", job=self._job, reason=str(problem))

    def _begin(self, seconds_left: float | None) -> None:
        if not self._groups.begin(self._job, self._call):
            raise RunSuperseded
        if seconds_left is not None:
            self._stops_at = time.monotonic() + working_seconds(seconds_left)
        self._collector = threading.Thread(target=self._collect, name=f"groups-{self._job}", daemon=True)
        self._collector.start()

    @property
    def _is_out_of_time(self) -> bool:
        return self._stops_at is not None and time.monotonic() >= self._stops_at

    def _must_stop(self, submitted: Submitted) -> bool:
        return submitted.context.is_stopped() or self._is_out_of_time

    def _send(self, submitted: Submitted, parts: Sequence[Part]) -> None:
        if not self._groups.add(self._job, self._call, [part.id for part in parts]):
            raise _gone(submitted)
        for part in parts:
            self._publish(part)

    def _publish(self, part: Part) -> None:
        if self._is_over:
            return
        part.heard_of_at = time.monotonic()
        part.times_sent += 1
        message = packed_group(GroupMessage(call=self._call, group=part.id, task=part.task))
        with self._publishing, redis_errors():
            refused = refusal_of(
                lambda: self._app.send_task(
                    TASK, [message], task_id=part.id, queue=self._job, retry=False, producer=self._producer
                )
            )
            if refused is not None:
                raise refused

    def _collect(self) -> None:
        while True:
            with self._changed:
                if not (self._submitted or self._is_over):
                    self._changed.wait(KEEP_SECONDS)
                if self._is_over:
                    return
                under_way = list(self._submitted)
            self._try_step(under_way)
            with self._changed:
                self._submitted = [each for each in self._submitted if not each.future.done()]
            if under_way and not any(each.future.done() for each in under_way):
                time.sleep(LOOK_SECONDS)

    def _try_step(self, under_way: Sequence[Submitted]) -> None:
        try:
            if under_way:
                self._step(under_way)
            else:
                self._keep()
            self._redis_failed = False
        except Exception as problem:
            self._redis_failed = isinstance(problem, RedisUnavailable)
            for submitted in under_way:
                submitted.fail(problem)
            if not under_way:  # whoever needs Redis next says so
                log.warning("groups_not_kept", job=self._job, reason=str(problem))

    def _keep(self) -> None:
        """Let what Redis knows of the call outlive the time between two chunks."""
        self._groups.look(self._job, self._call)

    def _step(self, under_way: Sequence[Submitted]) -> None:
        self._forget([each for each in under_way if each.future.cancelled()])
        under_way = [each for each in under_way if not each.future.done()]
        waiting = {part.id: (submitted, part) for submitted in under_way for part in submitted.waiting()}
        if not waiting:
            return
        found = self._groups.outcomes(list(waiting))
        for group, text in found.items():
            self._receive(*waiting[group], text)
        self._groups.drop(self._job, self._call, list(found))
        for submitted in under_way:
            if not submitted.waiting():
                submitted.finish()
        pause = WATCH_SECONDS_AT_THE_END if any(map(self._must_stop, under_way)) else WATCH_SECONDS
        still_open = [each for each in under_way if not each.future.done()]
        if still_open and time.monotonic() - self._watched_at >= pause:
            self._watch(still_open)

    def _forget(self, cancelled: Sequence[Submitted]) -> None:
        self._groups.drop(self._job, self._call, [part.id for each in cancelled for part in each.waiting()])

    def _receive(self, submitted: Submitted, part: Part, text: str) -> None:
        try:
            message = unpacked_outcome(text)
        except UnknownForm as problem:
            message = OutcomeMessage(worker="that sent it", refusal=Refusal.FORM, error=str(problem))
        self._note_progress(submitted)
        if message.outcome is not None:
            part.outcome, self._worked_at = message.outcome, time.monotonic()
        elif message.refusal is Refusal.LOST:
            self._halve(submitted, part)
        elif message.refusal in _OF_ONE_WORKER:  # another one may be able to
            log.warning("group_again", job=self._job, worker=message.worker, reason=message.error)
            self._send(submitted, [submitted.again(part, message)])
        else:
            submitted.fail(_problem(message))

    def _note_progress(self, submitted: Submitted) -> None:
        self._progressed_at = time.monotonic()
        submitted.context.note_progress()

    def _halve(self, submitted: Submitted, part: Part) -> None:
        """Give out a group's halves, as its workers died; of one stock, record that it cannot be done."""
        names = [item.ticker for item in part.items]
        log.warning("group_lost", job=self._job, first=names[0], last=names[-1], stocks=len(names))
        halves = submitted.halve(part)
        if halves:
            self._send(submitted, halves)
        else:
            submitted.save_as_deadly(part)

    def _watch(self, under_way: Sequence[Submitted]) -> None:
        """See how workers get on; stop when it is time; send again what was lost on its way."""
        now = self._watched_at = time.monotonic()
        seen = self._groups.look(self._job, self._call)
        if seen is None or not all(part.id in seen for each in under_way for part in each.waiting()):
            raise _gone(under_way[0])
        self._compare(under_way, seen, now)
        if any(self._job in worker.jobs for worker in self._groups.workers()):
            self._worker_seen_at = now
        self._give_up_refused_ones(under_way, now)
        stops = [each for each in under_way if self._must_stop(each) and not each.future.done()]
        if now - self._progressed_at >= STALL_SECONDS:
            raise GroupNotDone(STALLED)
        if stops:
            self._stop(stops, now)
        elif now - (self._worker_seen_at or self._begun_at) >= NO_WORKER_SECONDS:
            raise GroupNotDone(NO_WORKER)
        else:
            self._send_lost_ones(under_way, now)

    def _compare(self, under_way: Sequence[Submitted], seen: Mapping[str, Group], now: float) -> None:
        """Note what has changed since the last look."""
        for submitted in under_way:
            for part in submitted.waiting():
                group, before = seen[part.id], part.seen or seen[part.id]
                part.seen = group
                if group.heard_of_at != before.heard_of_at:
                    part.heard_of_at = now
                if group.evaluated > part.evaluated:
                    part.evaluated, self._worked_at = group.evaluated, now
                    self._note_progress(submitted)
                elif group.deliveries > before.deliveries:
                    self._note_progress(submitted)

    def _give_up_refused_ones(self, under_way: Sequence[Submitted], now: float) -> None:
        """A worker that has refused a group leaves the queue alone: another one must begin it soon, or get on."""
        for submitted in under_way:
            for part in submitted.waiting():
                is_waiting = part.seen is not None and not part.seen.deliveries
                since = max(part.refused_at, self._worked_at)
                is_late = now - since >= OTHER_WORKER_SECONDS or (self._is_out_of_time and since == part.refused_at)
                if part.refused and is_waiting and is_late:
                    submitted.fail(_problem(part.refused))

    def _stop(self, stops: Sequence[Submitted], now: float) -> None:
        """Withdraw what no worker has begun, and give the rest a while to be saved."""
        waiting = [part for each in stops for part in each.waiting()]
        withdrawn = self._groups.stop(self._job, self._call, [part.id for part in waiting])
        if self._stop_asked_at is None:
            self._stop_asked_at = now
            # As the first batch of a call is always done, however long it takes: or its cursor might never move.
            self._waits_for_all = self._first is not None and not self._first.future.done()
        if self._worker_seen_at != now and self._is_out_of_time:
            raise GroupNotDone(NO_WORKER)
        is_late = now - self._stop_asked_at >= FINISH_SECONDS
        waits = self._waits_for_all and not any(each.context.is_stopped() for each in stops)
        for part in waiting:
            is_waited_for = not is_late or (waits and now - part.heard_of_at < SILENT_SECONDS)
            if part.id in withdrawn or not is_waited_for:
                part.outcome = GroupOutcome()
        for each in stops:
            if not each.waiting():
                each.finish()

    def _send_lost_ones(self, under_way: Sequence[Submitted], now: float) -> None:
        """A worker that dies as it takes a message from the queue takes it along, before the broker has noted it."""
        lost = [
            part
            for each in under_way
            for part in each.waiting()
            if part.seen is not None
            and part.times_sent < MOST_TIMES_SENT
            and now - part.heard_of_at >= (DEAD_SECONDS if part.seen.deliveries else UNSENT_SECONDS)
        ]
        if lost and not self._groups.queued(self._job):
            for part in lost:
                self._publish(part)


def working_seconds(time_budget: float) -> float:
    """For how much of a time budget groups are begun; the rest is for what workers have to save."""
    return max(time_budget - FINISH_SECONDS, time_budget / 2)


def _gone(submitted: Submitted) -> Exception:
    """Why Redis no longer knows the call: another one has begun, if ours has lost its lease."""
    return RunSuperseded() if submitted.context.is_superseded() else GroupNotDone(GONE)


def refusal_of(send: Callable[[], Any]) -> RedisError | None:
    """Send something by the broker's library. Returns what Redis or the network said against it.

    It is returned, as raised here it would have its own consequence for its context, instead of its cause.
    """
    try:
        send()
    except OperationalError as problem:
        cause = problem.__cause__
        return cause if isinstance(cause, RedisError) else RedisConnectionError(str(problem))
    return None


_OF_ONE_WORKER = (Refusal.DATABASE, Refusal.FORM)


def _problem(message: OutcomeMessage) -> Exception:
    if message.refusal is Refusal.SUPERSEDED:
        return RunSuperseded()
    if message.refusal is Refusal.INPUTS:
        return InputsUnreadable(message.error, "inputs unreadable")
    if message.refusal is Refusal.DATABASE:
        return DatabaseUnavailable(f"{message.error}, for the worker {message.worker}")
    return GroupNotDone(f"the worker {message.worker} could not do a group of stocks: {message.error}")
