"""The engine that a call uses with CRON_ENGINE=celery."""

from concurrent.futures import Executor
from uuid import UUID

from celery import Celery

from vettr_cron.celery_engine.executor import CeleryExecutor, working_seconds
from vettr_cron.redis_store.groups import Groups


class CeleryEngine:
    """Several groups of a chunk at once, each in one of Celery's workers."""

    side_by_side = True

    def __init__(self, app: Celery, groups: Groups, window: int) -> None:
        self.window = window
        self._app = app
        self._groups = groups

    def working_seconds(self, time_budget: float | None) -> float | None:
        """All but the time that workers have to save what they evaluate."""
        return None if time_budget is None else working_seconds(time_budget)

    def executor(self, job: str, call_id: UUID) -> Executor:
        """An executor for one call; nothing is sent before its first group."""
        return CeleryExecutor(self._app, self._groups, job, call_id)
