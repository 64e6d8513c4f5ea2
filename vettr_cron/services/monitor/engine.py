"""The engine now: its workers, and the groups that they have been given."""

from collections.abc import Iterable

from vettr_cron.domain.engine import EngineState
from vettr_cron.redis_store.groups import Groups


class ReadEngine:
    """What status, doctor and metrics say of the engine; with threads, Redis is not asked."""

    def __init__(self, name: str, groups: Groups, jobs: Iterable[str]) -> None:
        self._name = name
        self._groups = groups
        self._jobs = list(jobs)

    def read(self) -> EngineState:
        """The engine now. Raises RedisUnavailable."""
        state = EngineState(name=self._name)
        if not state.has_workers:
            return state
        now, groups = self._groups.now(), [each for job in self._jobs for each in self._groups.under_way(job)]
        waiting = [group.heard_of_at for group in groups if not group.deliveries]
        return EngineState(
            name=self._name,
            workers=self._groups.workers(),
            groups_under_way=len(groups),
            groups_waiting=len(waiting),
            oldest_waiting_seconds=max(int(now - min(waiting)), 0) if waiting else None,
            redeliveries=sum(self._groups.redeliveries().values()),
        )
