"""python -m bench.engine [waiting|overhead|million]: measure CRON_ENGINE=celery on private servers.

waiting: how much faster more worker processes are with a job that waits. overhead: what handing groups to workers costs
with the usual jobs, compared with the threads of a call. Without a word, both of them. million: one cycle of the usual
jobs over a million stocks, with the memory that it needs.
"""

import argparse
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from math import ceil
from statistics import median
from typing import NamedTuple

from redis import Redis

from bench.__main__ import machine
from bench.filling import GENERATED_AT_MOST, fill, fill_stocks
from bench.goals import spread
from bench.process import CyclingService, Pass, production
from bench.servers import Servers, running_servers
from bench.waiting import SECONDS, WAITING
from bench.worker import BrokerMemory, Worker
from vettr_cron.jobs import JOBS

CHUNK, SMALL_CHUNK = 10_000, 1_000
LARGE_GROUP, USUAL_GROUP = 500, 100
GROUPS = (10, USUAL_GROUP, LARGE_GROUP)
UNDER_WAY = 16
SPEED_UP_GOALS = {2: 1.9, 4: 3.6}
OVERHEAD_WORKERS = (1, 2)
MILLION, MILLION_WORKERS = 1_000_000, 2
BROKER_GOAL_MB = 25


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and print what is asked for."""
    asked = _parser().parse_args(arguments)
    with running_servers() as servers:
        print(machine(servers), end="\n\n", flush=True)
        if asked.table == "million":
            million(servers, asked.size or MILLION)
        if asked.table in (None, "waiting"):
            waiting(servers, asked.size or 100_000, asked.workers)
        if asked.table == "overhead":
            overhead(servers, asked.size or GENERATED_AT_MOST, asked.rounds)
        if asked.table is None:
            overhead(servers, min(asked.size or GENERATED_AT_MOST, GENERATED_AT_MOST), asked.rounds)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m bench.engine", description="Measure CRON_ENGINE=celery.")
    parser.add_argument("table", nargs="?", choices=["waiting", "overhead", "million"])
    parser.add_argument("--size", type=int, help="stocks; with no table named, of overhead at most 10000")
    parser.add_argument("--workers", type=_numbers, default=[1, 2, 4], help="processes of the waiting job: 1,2,4")
    parser.add_argument("--rounds", type=int, default=3, help="of the overhead")
    return parser


def _numbers(text: str) -> list[int]:
    return sorted({1, *map(int, text.split(","))})


def _print_table(header: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    print("| " + " | ".join(header) + " |")
    print("|" + "---|" * len(header))
    for row in rows:
        print("| " + " | ".join(map(str, row)) + " |", flush=True)
    print()


def _whole(one: Pass, size: int) -> Pass:
    assert one.stocks == size, f"{one.stocks} of {size} stocks were refreshed"
    return one


def _redis_url(servers: Servers, number: int) -> str:
    """A database of its own for each worker, so that several are there and each call reaches one of them."""
    return f"{servers.redis.url.rpartition('/')[0]}/{number}"


@contextmanager
def _worker(environment: Mapping[str, str], processes: int, app: str = "wsgi.py") -> Iterator[Worker]:
    with Worker(environment, processes, app).running() as worker:
        assert isinstance(worker, Worker)
        yield worker


def _with_celery(database_url: str, redis_url: str, group: int, **more: str) -> dict[str, str]:
    return {
        **production(database_url, redis_url),
        "CRON_ENGINE": "celery",
        "CRON_GROUP_SIZE": str(group),
        "CRON_GROUPS_UNDER_WAY": str(UNDER_WAY),
        **more,
    }


def waiting(servers: Servers, size: int, workers: Sequence[int]) -> None:
    """The waiting job with each number of worker processes."""
    database_url = servers.postgres.create_database()
    fill_stocks(database_url, size)
    threads = os.environ.get("CRON_WORKERS", "4")
    print(
        f"A job that waits {SECONDS * 1_000:g} ms for each of {size} stocks: chunk {CHUNK}, group {LARGE_GROUP},"
        f" CRON_WORKERS={threads} threads in each worker process, {UNDER_WAY} groups under way or two per process\n"
    )
    measured = {}
    for processes in workers:
        under_way = str(max(UNDER_WAY, 2 * processes))
        environment = _with_celery(
            database_url, servers.redis.url, LARGE_GROUP, CRON_WORKERS=threads, CRON_GROUPS_UNDER_WAY=under_way
        )
        measured[processes] = _waited(environment, processes, size)
    _print_table(
        ["worker processes", "seconds", "stocks/s", "speed-up", "goal", "met"],
        (_speed_up(processes, seconds, measured[1], size) for processes, seconds in measured.items()),
    )


def _waited(environment: Mapping[str, str], processes: int, size: int) -> float:
    """The seconds of a whole cycle, after one group for each process."""
    with (
        _worker(environment, processes, "bench/waiting_app.py"),
        CyclingService(environment, WAITING.name, "bench.waiting_app") as caller,
    ):
        caller.cycle(min(processes * LARGE_GROUP, CHUNK), chunks=1)
        return _whole(caller.cycle(CHUNK), size).seconds


def _speed_up(processes: int, seconds: float, alone: float, size: int) -> list[object]:
    speed_up, goal = alone / seconds, SPEED_UP_GOALS.get(processes)
    verdict = ["", ""] if goal is None else [f"at least {goal}", "yes" if speed_up >= goal else "no"]
    return [processes, f"{seconds:.2f}", f"{size / seconds:.0f}", f"{speed_up:.2f}", *verdict]


class _Way(NamedTuple):
    """One way to run a cycle of the usual jobs."""

    chunk: int
    group: int
    processes: int = 0  # of the worker; 0: threads of the call

    def tasks(self, size: int) -> int:
        """How many groups a cycle of all jobs has."""
        whole, rest = divmod(size, self.chunk)
        return len(JOBS) * (whole * ceil(self.chunk / self.group) + ceil(rest / self.group))


class _Cost(NamedTuple):
    """What a cycle took; `cpu` is what the caller and the worker computed."""

    seconds: float
    cpu: float


_THREADS = (_Way(SMALL_CHUNK, LARGE_GROUP), *(_Way(CHUNK, group) for group in GROUPS))
_WAYS = (*_THREADS, *(_Way(CHUNK, group, processes) for processes in OVERHEAD_WORKERS for group in GROUPS))


def overhead(servers: Servers, size: int, rounds: int) -> None:
    """Cycles of the usual jobs in each way, in turns, as the machine's speed drifts."""
    database_url = servers.postgres.create_database()
    fill(database_url, servers.redis.url, size)
    print(f"The usual jobs over {size} stocks, in {rounds} rounds after one to warm up\n", flush=True)
    costs: dict[_Way, list[_Cost]] = {way: [] for way in _WAYS}
    with ExitStack() as stack:
        workers = {
            number: stack.enter_context(
                _worker(_with_celery(database_url, _redis_url(servers, number), USUAL_GROUP), number)
            )
            for number in OVERHEAD_WORKERS
        }
        callers = {way: stack.enter_context(CyclingService(_calling(servers, database_url, way))) for way in _WAYS}
        for number in range(rounds + 1):
            for way, caller in callers.items():
                cost = _cost(caller, workers.get(way.processes), way, size)
                if number:
                    costs[way].append(cost)
    _print_table(
        ["engine", "processes", "chunk", "group", "seconds", "x threads", "CPU s", "ms per group", "CPU ms per group"],
        (_compared(way, costs, size) for way in _WAYS),
    )
    print(
        "x threads, and the ms that a group takes more: compared with threads at chunk 10000 and the same group size."
    )
    print("CPU: of the caller and the worker, without the servers.\n", flush=True)


def _calling(servers: Servers, database_url: str, way: _Way) -> dict[str, str]:
    if way.processes:
        return _with_celery(database_url, _redis_url(servers, way.processes), way.group)
    return {**production(database_url, servers.redis.url), "CRON_GROUP_SIZE": str(way.group)}


def _cost(caller: CyclingService, worker: Worker | None, way: _Way, size: int) -> _Cost:
    def computed() -> float:
        return caller.cpu_seconds() + (worker.cpu_seconds() if worker else 0)

    before = computed()
    seconds = _whole(caller.cycle(way.chunk), size).seconds
    return _Cost(seconds, computed() - before)


def _compared(way: _Way, costs: Mapping[_Way, Sequence[_Cost]], size: int) -> list[object]:
    own, threads = costs[way], costs[_Way(CHUNK, way.group)]
    tasks = way.tasks(size)
    pairs = list(zip(own, threads, strict=True))
    row = [
        "celery" if way.processes else "threads",
        way.processes or "",
        way.chunk,
        way.group,
        spread([one.seconds for one in own]),
        f"{median(one.seconds / other.seconds for one, other in pairs):.2f}",
        f"{median(one.cpu for one in own):.2f}",
    ]
    if not way.processes:
        return [*row, "", ""]
    more = (
        median(one.seconds - other.seconds for one, other in pairs),
        median(one.cpu - other.cpu for one, other in pairs),
    )
    return [*row, *(f"{each / tasks * 1_000:.2f}" for each in more)]


def million(servers: Servers, size: int) -> None:
    """One cycle of each of the usual jobs, one after the other, and the memory of everything but the database."""
    database_url = servers.postgres.create_database()
    fill(database_url, servers.redis.url, size)
    environment = _with_celery(database_url, servers.redis.url, USUAL_GROUP)
    print(
        f"{size} stocks, once, on {MILLION_WORKERS} worker processes: chunk {CHUNK}, group {USUAL_GROUP},"
        f" {UNDER_WAY} groups under way\n",
        flush=True,
    )
    broker = BrokerMemory(servers.redis.url, JOBS)
    with _worker(environment, MILLION_WORKERS) as worker:
        with broker.sampled():
            passes = {job: _job(environment, job, size) for job in JOBS}
        peaks = worker.peaks_kib()
        left = broker.left()
    _print_table(["what", "figure"], [*_times(passes, size), *_processes(passes, peaks)])
    _print_table(["memory of Redis", "MB", "goal", "met"], _redis_memory(servers, broker, left))


def _job(environment: Mapping[str, str], job: str, size: int) -> Pass:
    with CyclingService(environment, job) as caller:
        return _whole(caller.cycle(CHUNK), size)


def _times(passes: Mapping[str, Pass], size: int) -> Iterator[Sequence[object]]:
    for job, one in passes.items():
        yield f"{job}, s", f"{one.seconds:.1f}"
    seconds = sum(one.seconds for one in passes.values())
    yield "both jobs, s", f"{seconds:.1f}"
    yield "both jobs, ms per stock", f"{seconds / size * 1_000:.3f}"


def _processes(passes: Mapping[str, Pass], peaks: Sequence[int]) -> Iterator[Sequence[object]]:
    for job, one in passes.items():
        yield f"peak memory of the caller of {job}, MiB", f"{one.peak_kib / 1024:.0f}"
    *children, parent = peaks
    for number, peak in enumerate(children, start=1):
        yield f"peak memory of worker process {number}, MiB", f"{peak / 1024:.0f}"
    yield "peak memory of the worker's parent, which does no groups, MiB", f"{parent / 1024:.0f}"


def _redis_memory(servers: Servers, broker: BrokerMemory, left: int) -> Iterator[Sequence[object]]:
    with Redis.from_url(servers.redis.url) as client:
        memory = client.info("memory")
    yield "peak, with the cached answers (used_memory_peak)", f"{memory['used_memory_peak'] / 1e6:.1f}", "", ""
    peak = broker.peak_bytes / 1e6
    met = "yes" if broker.samples and peak <= BROKER_GOAL_MB else "no"
    what = f"queues, outcomes and notes of groups, most of {broker.samples} samples"
    yield what, f"{peak:.3f}", f"at most {BROKER_GOAL_MB}", met
    yield "the same once the jobs are done", f"{left / 1e6:.3f}", "", ""


if __name__ == "__main__":
    main()
