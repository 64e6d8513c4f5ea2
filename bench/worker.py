"""A worker as a benchmark starts it, and what its queue needs in Redis."""

import sys
import threading
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from signal import SIGTERM

from redis import Redis
from redis.exceptions import RedisError

from bench.process import cpu_seconds, peak_kib
from tests.servers.supervised import SupervisedServer
from vettr_cron.redis_store.groups import QUEUE_PREFIX, Groups, groups_key

SAMPLE_SECONDS = 1.0
_PROJECT = Path(__file__).parent.parent
_KEYS = ("cron:celery:*", "cron:outcome:*", "cron:*:groups")


class Worker(SupervisedServer):
    """`cron worker` of the application in a file of the project; it ends with the benchmark, however that ends."""

    def __init__(self, environment: Mapping[str, str], processes: int, app: str = "wsgi.py") -> None:
        super().__init__(SIGTERM)
        self.processes = processes
        self._environment = [f"{name}={value}" for name, value in environment.items()]
        self._app = app
        self._groups = Groups(Redis.from_url(environment["REDIS_URL"], decode_responses=True))

    def command(self) -> list[str]:
        """Flask's own command, in that environment and no other."""
        flask = [sys.executable, "-m", "flask", "--app", str(_PROJECT / self._app)]
        return ["env", "-i", *self._environment, *flask, "cron", "worker", "--processes", str(self.processes)]

    def answers(self) -> bool:
        """Whether it says that it is there, and all its processes are."""
        seen = any(worker.name.endswith(f":{self.pid}") for worker in self._groups.workers())
        return seen and len(self.children()) >= self.processes

    def children(self) -> list[int]:
        """The processes that do groups."""
        try:
            text = Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text()
        except FileNotFoundError:  # it has ended, and `start` says so
            return []
        return [int(each) for each in text.split()]

    def cpu_seconds(self) -> float:
        """What it and its processes have computed so far."""
        return sum(map(cpu_seconds, (self.pid, *self.children())))

    def peaks_kib(self) -> list[int]:
        """The peak memory of each process that does groups, then of the one that started them."""
        return [*map(peak_kib, self.children()), peak_kib(self.pid)]


class BrokerMemory:
    """What queues, outcomes and notes of groups take in Redis, sampled while a block runs.

    Looking through all keys each second would keep Redis from its work once it has a million answers. So a sample asks
    for the keys that the broker is known to have and for the outcomes of the groups that are under way; whether there
    are others, `left` finds out afterwards.
    """

    def __init__(self, redis_url: str, jobs: Iterable[str]) -> None:
        self._redis = Redis.from_url(redis_url, decode_responses=True)
        self._jobs = list(jobs)
        self.peak_bytes = self.samples = 0

    @contextmanager
    def sampled(self) -> Iterator[None]:
        """Sample until the block ends."""
        done = threading.Event()
        thread = threading.Thread(target=self._sample, args=(done,), name="sampler", daemon=True)
        thread.start()
        try:
            yield
        finally:
            done.set()
            thread.join()

    def left(self) -> int:
        """The bytes of all that is there now, whatever it is called."""
        return self._bytes({key for pattern in _KEYS for key in self._redis.scan_iter(pattern, count=10_000)})

    def _sample(self, done: threading.Event) -> None:
        while not done.wait(SAMPLE_SECONDS):
            with suppress(RedisError):
                self.peak_bytes = max(self.peak_bytes, self._bytes(self._known()))
                self.samples += 1

    def _known(self) -> set[str]:
        keys = {f"{QUEUE_PREFIX}{name}" for name in ("unacked", "unacked_index", "unacked_mutex", *self._jobs)}
        keys |= {f"{QUEUE_PREFIX}_kombu.binding.{job}" for job in self._jobs}
        for job in self._jobs:
            keys.add(groups_key(job))
            names: Iterable[str] = self._redis.hkeys(groups_key(job))  # type: ignore[assignment]
            keys |= {f"cron:outcome:{name[3:]}" for name in names if name.startswith("at:")}
        return keys

    def _bytes(self, keys: Iterable[str]) -> int:
        with self._redis.pipeline(transaction=False) as pipeline:
            for key in keys:
                pipeline.memory_usage(key, samples=0)
            return sum(each or 0 for each in pipeline.execute())
