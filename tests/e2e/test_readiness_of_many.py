"""Many ask whether the service is ready while Redis hangs: whoever asks whether it is alive still hears at once."""

import os
import signal
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

from tests.e2e.web import serving
from tests.servers.redis_server import PrivateRedis
from tests.world import World

CALLERS = 100


def test_many_callers_of_readyz_do_not_hold_up_healthz(migrated_sqlite_url: str, stoppable_redis: PrivateRedis) -> None:
    with (
        closing(World.make(migrated_sqlite_url, stoppable_redis.url)) as world,
        serving(world, {"WEB_CONCURRENCY": "1"}) as web,
        ThreadPoolExecutor(CALLERS) as callers,
    ):
        time.sleep(1)  # for which the answer from the start is kept
        os.kill(stoppable_redis.pid, signal.SIGSTOP)
        try:
            asked = [callers.submit(web.call, "/readyz") for _ in range(CALLERS)]
            slowest = 0.0
            while not all(reply.done() for reply in asked):
                began = time.monotonic()
                assert web.call("/healthz").status == 200
                slowest = max(slowest, time.monotonic() - began)
        finally:
            os.kill(stoppable_redis.pid, signal.SIGCONT)
        replies = [reply.result() for reply in asked]
    assert {reply.status for reply in replies} == {503}
    told = {reply.body["error"]["message"] for reply in replies}
    assert told <= {"Redis has not answered yet", "Redis does not answer"}
    assert slowest < 1.5
