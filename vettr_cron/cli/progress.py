"""A progress bar on a terminal, plain lines in a pipe."""

import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import click

from vettr_cron.jobs.job import Job
from vettr_cron.logs import only_warnings
from vettr_cron.registry import services
from vettr_cron.services.clock import Stopwatch
from vettr_cron.services.refresh.call import Progress, unwatched
from vettr_cron.services.refresh.request import Request


@contextmanager
def watcher(request: Request, *, show: bool) -> Iterator[Callable[[Job], Progress]]:
    """Yield a function that starts showing a job's progress; its bar ends when the next begins, or the block ends."""
    # In production the host collects the log; elsewhere a person reads it, and has the progress to look at.
    if services().settings.app_env != "production" or sys.stderr.isatty():
        only_warnings()
    if not show:
        yield lambda _job: unwatched
    elif not sys.stdout.isatty():
        yield lambda job: _ignore_broken_pipe(_lines(job))
    else:
        with ExitStack() as bars:
            yield lambda job: _ignore_broken_pipe(_bar(bars, job, request))


def _ignore_broken_pipe(show: Progress) -> Progress:
    """The same, but silent once its output is closed: the work matters, not the display."""
    closed = False

    def show_unless_closed(done: int, total: int) -> None:
        nonlocal closed
        try:
            if not closed:
                show(done, total)
        except OSError:
            closed = True

    return show_unless_closed


def _lines(job: Job) -> Progress:
    begun = False

    def show(done: int, total: int) -> None:
        nonlocal begun
        if begun:
            click.echo(f"{job.run_name}: {done} of {total}")
        begun = True

    return show


def _bar(bars: ExitStack, job: Job, request: Request) -> Progress:
    bars.close()
    stopwatch = Stopwatch()
    bar: Any = None
    first = 0

    def show(done: int, total: int) -> None:
        nonlocal bar, first
        if bar is None:
            first = done
            bar = bars.enter_context(_new_bar(job, _most(request, total - first)))
        bar.update(done - first - bar.pos, _pace(done - first, bar.length, stopwatch.milliseconds))

    return show


def _new_bar(job: Job, length: int) -> Any:
    return click.progressbar(
        length=length,
        label=f"{job.run_name:<18}",
        width=0,  # the rest of the terminal's line: a longer one would fill a new line at each update
        show_pos=True,
        show_eta=False,  # click's own estimate takes a second to appear
        item_show_func=lambda pace: pace,
    )


def _pace(done: int, length: int, milliseconds: int) -> str | None:
    if not done:
        return None
    minutes, seconds = divmod(round(max(length - done, 0) * milliseconds / done / 1000), 60)
    return f"{done * 1000 / max(milliseconds, 1):,.0f} stocks/s, {minutes}:{seconds:02} left"


def _most(request: Request, stocks_left: int) -> int:
    """The most stocks that the call can process."""
    asked = stocks_left if request.chunks is None else request.chunks * request.chunk_size
    return max(min(asked, stocks_left), 0)
