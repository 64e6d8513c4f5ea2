"""A progress bar on a terminal; nothing in a pipe, where the log's lines tell the same."""

import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import click

from vettr_cron.jobs.job import Job
from vettr_cron.logs import only_warnings
from vettr_cron.services.chunk import Progress
from vettr_cron.services.clock import Stopwatch
from vettr_cron.services.refresh import unwatched


@contextmanager
def watcher(*, show: bool) -> Iterator[Callable[[Job[Any]], Progress]]:
    """For each job a function that is told of its progress; bars are finished when the block ends."""
    if not (show and sys.stdout.isatty()):
        if sys.stderr.isatty():
            only_warnings()
        yield lambda _job: unwatched
        return
    only_warnings()
    with ExitStack() as bars:
        yield lambda job: _bar(bars, job)


def _bar(bars: ExitStack, job: Job[Any]) -> Progress:
    stopwatch = Stopwatch()
    bar: Any = None
    first = 0

    def show(done: int, total: int) -> None:
        nonlocal bar, first
        if bar is None:
            first = 0
            bar = bars.enter_context(
                click.progressbar(
                    length=max(total, done),
                    label=f"{job.run_name:<18}",
                    show_pos=True,
                    show_eta=True,
                    item_show_func=lambda rate: rate,
                )
            )
        rate = (done - first) * 1000 / max(stopwatch.milliseconds, 1)
        bar.update(done - bar.pos, f"{rate:,.0f} stocks/s")

    return show
