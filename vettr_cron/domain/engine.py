"""What is known of the engine that does groups of stocks, and of its workers."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from vettr_cron.domain.diagnosis.check import Check, Finding, judged, problem, warning

LONG_WAIT_SECONDS = 60


class Worker(NamedTuple):
    """A worker that is alive."""

    name: str
    release: str
    processes: int
    jobs: Sequence[str]  # that it knows, by name


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineState:
    """The engine now; with threads, calls do their groups themselves and there is no worker."""

    name: str
    workers: Sequence[Worker] = ()
    groups_under_way: int = 0
    groups_waiting: int = 0  # of these, those that no worker has begun
    oldest_waiting_seconds: int | None = None
    redeliveries: int = 0  # groups that were begun again, as their worker died or was stopped

    @property
    def has_workers(self) -> bool:
        """Whether workers do the groups."""
        return self.name != "threads"

    @property
    def processes(self) -> int:
        """How many groups the workers can do at once."""
        return sum(worker.processes for worker in self.workers)

    @property
    def summary(self) -> str:
        """The same in words."""
        if not self.has_workers:
            return "Calls do their groups of stocks themselves"
        wait = f", the oldest for {self.oldest_waiting_seconds} s" if self.oldest_waiting_seconds is not None else ""
        return (
            f"{_counted(len(self.workers), 'worker')} with {_counted(self.processes, 'process', 'es')}, "
            f"{_counted(self.groups_under_way, 'group')} under way, {self.groups_waiting} of them waiting{wait}; "
            f"{self.redeliveries} begun again so far"
        )


def check_engine(state: EngineState, release: str) -> Check:
    """Whether there are workers if they are needed, of this release, and enough of them."""
    return judged("engine", state.summary, list(_findings(state, release)) if state.has_workers else [])


def _findings(state: EngineState, release: str) -> Sequence[Finding]:
    if not state.workers:
        fix = "Start one: `flask --app wsgi cron worker`; with CRON_ENGINE=threads calls need none."
        return [problem("No worker is alive to do groups of stocks, so calls fail", fix)]
    findings = []
    others = [worker for worker in state.workers if worker.release != release]
    if others:
        found = f"The worker {others[0].name} is of release {others[0].release}, and this is release {release}"
        findings.append(warning(found, "Run callers and workers of the same release."))
    if (state.oldest_waiting_seconds or 0) >= LONG_WAIT_SECONDS:
        fix = "Start more workers, or give them more processes; if they do nothing, their logs say why."
        findings.append(warning(f"A group waits for a worker for {state.oldest_waiting_seconds} s", fix))
    return findings


def _counted(number: int, noun: str, plural: str = "s") -> str:
    return f"{number} {noun if number == 1 else noun + plural}"
