"""The service as it is shipped, in a process of its own that runs cycles.

python -m bench.service [JOB] reads one chunk size per line from standard input. It answers each with one line of JSON:
seconds, the stocks that the job, or each of the two jobs, refreshed, SQL statements (without BEGIN and COMMIT), round
trips to Redis, and the peak memory so far.
"""

import json
import sys
import time
from pathlib import Path
from typing import Any

from redis.connection import AbstractConnection
from sqlalchemy import event

from vettr_cron.jobs import JOBS
from vettr_cron.registry import EXTENSION, Services
from vettr_cron.services.refresh.all_jobs import refresh_all
from vettr_cron.services.refresh.request import Request
from wsgi import app


class Counts:
    """Counts what is sent to the servers."""

    def __init__(self, services: Services) -> None:
        self.statements = self.round_trips = 0
        event.listen(services.database.engine, "before_cursor_execute", self._count_statement)
        send: Any = AbstractConnection.send_packed_command

        def counted(connection: AbstractConnection, *arguments: Any, **options: Any) -> object:
            self.round_trips += 1
            return send(connection, *arguments, **options)

        AbstractConnection.send_packed_command = counted  # type: ignore[method-assign, assignment]

    def _count_statement(self, _connection: object, _cursor: object, statement: str, *_more: object) -> None:
        self.statements += not statement.startswith("BEGIN")


def peak_kib() -> int:
    """The peak memory of this process; getrusage may report its parent's, from before the exec."""
    (line,) = [line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM")]
    return int(line.split()[1])


def main(job_name: str | None) -> None:
    """Run a cycle of one job, or of both, for each line read."""
    services: Services = app.extensions[EXTENSION]
    counts = Counts(services)
    with app.app_context():
        for line in sys.stdin:
            request = Request(chunk_size=int(line), chunks=None, time_budget=None)
            services.reset.run(services.jobs_named(job_name))
            counts.statements = counts.round_trips = 0
            started = time.perf_counter()
            if job_name:
                results = [services.refresh.run(JOBS[job_name], request)]
            else:
                results = list(refresh_all(services.refresh, JOBS, request).results.values())
            answer = {
                "seconds": time.perf_counter() - started,
                "stocks": min(result.succeeded for result in results),
                "statements": counts.statements,
                "round_trips": counts.round_trips,
                "peak_kib": peak_kib(),
            }
            print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else None)
