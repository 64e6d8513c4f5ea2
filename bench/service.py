"""The service as it is shipped, in a process of its own: one JSON line a pass.

python -m bench.service CHUNK_SIZE, then one line a pass on standard input; the answer: seconds, stocks, peak memory.
"""

import json
import resource
import sys
import time

from sqlalchemy import event

from vettr_cron.app import create_app
from vettr_cron.jobs import JOBS
from vettr_cron.services.refresh_all import refresh_all
from vettr_cron.services.registry import EXTENSION, Services
from vettr_cron.services.request import Request


def main(chunk_size: int) -> None:
    """Run a cycle of both jobs for each line that comes in."""
    app = create_app()
    services: Services = app.extensions[EXTENSION]
    counts = {"statements": 0}

    def count(*_arguments: object) -> None:
        counts["statements"] += 1

    event.listen(services.database.engine, "before_cursor_execute", count)
    with app.app_context():
        for _line in sys.stdin:
            services.reset.run(list(JOBS.values()))
            counts["statements"] = 0
            started = time.perf_counter()
            done = refresh_all(services.refresh, Request(chunk_size=chunk_size, chunks=None, time_budget=None))
            seconds = time.perf_counter() - started
            stocks = {result.succeeded for result in done.results.values()}
            peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
            answer = {"seconds": seconds, "stocks": min(stocks), "peak_kib": peak, **counts}
            print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main(int(sys.argv[1]))
