"""The service as it is shipped, in a process of its own that runs cycles.

python -m bench.service MODULE [JOB] makes the application of a module, such as `wsgi`. It reads lines from standard
input, each with a chunk size and, if not all are to be done, a number of chunks. It answers each with one line of JSON:
seconds, the stocks that the job, or each of the jobs, refreshed, SQL statements (without BEGIN and COMMIT), round trips
to Redis, and the peak memory so far.
"""

import json
import sys
import time
from importlib import import_module
from typing import Any

from flask import Flask
from redis.connection import AbstractConnection
from sqlalchemy import event

from bench.process import peak_kib
from vettr_cron.registry import EXTENSION, Services
from vettr_cron.services.refresh.all_jobs import refresh_all
from vettr_cron.services.refresh.request import Request


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


def main(module: str, job_name: str | None) -> None:
    """Run a cycle of one job, or of all, for each line read."""
    app: Flask = import_module(module).app
    services: Services = app.extensions[EXTENSION]
    counts = Counts(services)
    with app.app_context():
        for line in sys.stdin:
            size, *chunks = map(int, line.split())
            request = Request(chunk_size=size, chunks=chunks[0] if chunks else None, time_budget=None)
            services.reset.run(services.jobs_named(job_name))
            counts.statements = counts.round_trips = 0
            started = time.perf_counter()
            if job_name:
                results = [services.refresh.run(services.jobs[job_name], request)]
            else:
                results = list(refresh_all(services.refresh, services.jobs, request).results.values())
            answer = {
                "seconds": time.perf_counter() - started,
                "stocks": min(result.succeeded for result in results),
                "statements": counts.statements,
                "round_trips": counts.round_trips,
                "peak_kib": peak_kib(),
            }
            print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2] if len(sys.argv) > 2 else None)
