"""The second process, which evaluates chunks beside a SQLite file: whether there is one, and whether it did a thing."""

from itertools import pairwise
from pathlib import Path

from tests.integration.meddling import wait_until
from tests.world import World
from vettr_cron.services.evaluator import MAIN, Evaluator


def children(parent: int) -> list[int]:
    """The ids of the processes that a process has started and that have not ended."""
    return [pid for pid in _processes() if is_alive(pid) and int(_state_and_parent(pid)[1]) == parent]


def second_processes(parent: int) -> list[int]:
    """Those of them that evaluate."""
    return [pid for pid in children(parent) if MAIN in _read(pid, "cmdline").split("\0")]


def is_alive(pid: int) -> bool:
    """Whether a process has not ended yet."""
    return _state_and_parent(pid)[0] not in "ZX"


def _processes() -> list[int]:
    return [int(folder.name) for folder in Path("/proc").glob("[0-9]*")]


def _state_and_parent(pid: int) -> tuple[str, str]:
    state, parent, *_ = _read(pid, "stat").rpartition(")")[2].split() or ["X", "0"]
    return state, parent


def _read(pid: int, name: str) -> str:
    """A file about a process; empty when that has ended."""
    try:
        return Path(f"/proc/{pid}/{name}").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return ""


def evaluator_of(world: World) -> Evaluator:
    """The world's second process, started and ready."""
    evaluator = world.evaluator
    assert evaluator is not None, "it takes a second core"
    evaluator.start()
    wait_until(lambda: evaluator.is_ready)
    return evaluator


def evaluated_ahead(world: World) -> int:
    """How many runs began to be worked on before the one before them ended: only another process can do that."""
    runs = sorted(world.table("cron_job_runs"), key=lambda run: (run["started_at"], run["completed_at"]))
    return sum(later["started_at"] < earlier["completed_at"] for earlier, later in pairwise(runs))
