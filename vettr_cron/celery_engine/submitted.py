"""Groups as a caller gives them out: each in the parts that workers have, and what came of these."""

import time
from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field, replace
from uuid import uuid4

from vettr_cron.celery_engine.messages import OutcomeMessage
from vettr_cron.domain.errors import Problem
from vettr_cron.jobs.job import Item
from vettr_cron.redis_store.groups import MOST_DELIVERIES, Group
from vettr_cron.repositories.universe import Between, Named
from vettr_cron.services.refresh.group import GroupContext, GroupOutcome, GroupTask, border, run_group


@dataclass(slots=True)
class Part:
    """A group that workers are given, whole or a part of it. Moments are monotonic."""

    task: GroupTask
    items: Sequence[Item]
    id: str = field(default_factory=lambda: uuid4().hex)
    outcome: GroupOutcome | None = None
    refused: OutcomeMessage | None = None  # the last refusal
    refused_at: float = 0.0  # when the first one came
    times_sent: int = 0
    seen: Group | None = None
    evaluated: int = 0  # the most that was seen
    heard_of_at: float = 0.0  # when it was sent or, since then, a worker was last heard to have it


@dataclass(slots=True)
class Submitted:
    """A group that was submitted: its parts in order, of which there is one until its workers die of it."""

    future: Future[GroupOutcome]
    context: GroupContext
    parts: list[Part]

    def waiting(self) -> list[Part]:
        """The parts that have no outcome yet."""
        return [part for part in self.parts if part.outcome is None]

    def again(self, part: Part, refused: OutcomeMessage) -> Part:
        """The part to give out instead of one that a worker has refused."""
        again = Part(part.task, part.items, refused=refused, refused_at=part.refused_at or time.monotonic())
        self.parts[self.parts.index(part)] = again
        return again

    def halve(self, part: Part) -> Sequence[Part]:
        """The two parts to give out instead of one; none if it is of one ticker."""
        names = [item.ticker for item in part.items]
        middle = border(part.items, (len(names) + 1) // 2)
        if middle == len(names):
            middle = border(part.items, 1)
        if middle == len(names):
            return []
        selection = part.task.selection
        selections: Sequence[Between | Named] = (
            [Between(selection.after, names[middle - 1]), Between(names[middle - 1], selection.last)]
            if isinstance(selection, Between)
            else [Named(names[:middle]), Named(names[middle:])]
        )
        halves = [
            Part(replace(part.task, selection=each), items)
            for each, items in zip(selections, (part.items[:middle], part.items[middle:]), strict=True)
        ]
        place = self.parts.index(part)
        self.parts[place : place + 1] = halves
        return halves

    def save_as_deadly(self, part: Part) -> None:
        """Record of a part's stocks that they cannot be done, as workers die of them."""
        problem = Problem(
            f"each of the {MOST_DELIVERIES} workers that began it died of it; see their logs for why", "worker died"
        )
        part.outcome = run_group(self.context, part.task, [item._replace(problem=problem) for item in part.items])

    def finish(self) -> None:
        """Put the parts' outcomes together, up to the first that is not whole."""
        together = GroupOutcome(is_whole=True)
        for part in self.parts:
            outcome = part.outcome or GroupOutcome()
            together = GroupOutcome(
                succeeded=together.succeeded + outcome.succeeded,
                failures=[*together.failures, *outcome.failures],
                last=outcome.last or together.last,
                is_whole=outcome.is_whole,
                answers={**together.answers, **outcome.answers},
            )
            if not outcome.is_whole:
                break
        if self.future.set_running_or_notify_cancel():
            self.future.set_result(together)

    def fail(self, problem: Exception) -> None:
        """Let whoever waits for the group have this error, unless there is an outcome."""
        if not self.future.done() and self.future.set_running_or_notify_cancel():
            self.future.set_exception(problem)
