"""A progress bar on a terminal, plain lines in a pipe; whoever does not read them holds up nothing."""

import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import click
import structlog

from vettr_cron.jobs.job import Job
from vettr_cron.logs import flush_logs, only_warnings
from vettr_cron.nonblocking import NonBlockingWriter
from vettr_cron.registry import services
from vettr_cron.services.clock import Stopwatch
from vettr_cron.services.refresh.call import Progress, unwatched
from vettr_cron.services.refresh.request import Request

log = structlog.get_logger(__name__)

DRAIN_SECONDS = 0.5
SECONDS_BETWEEN_LINES = 5.0


@contextmanager
def watcher(request: Request, *, show: bool, quiet: bool = False) -> Iterator[Callable[[Job], Progress]]:
    """Yield a function that starts showing a job's progress; its bar ends when the next begins, or the block ends."""
    if not quiet:
        spare_readers()
    try:
        if quiet or not show:
            yield lambda _job: unwatched
        else:
            with progress_output() as output, ExitStack() as bars:
                yield lambda job: _bar(bars, job, request, output) if output.isatty() else _lines(job, output)
    finally:
        flush_logs()  # what follows is written directly


@contextmanager
def amount(label: str, length: int, seconds: float = SECONDS_BETWEEN_LINES) -> Iterator[Callable[[int], None]]:
    """Yield a function that is told how much more of `length` is done: it shows a bar, or a line every `seconds`."""
    with progress_output() as output:
        if not output.isatty():
            yield _share_now_and_then(label, length, seconds, output)
            return
        with click.progressbar(length=length, file=output, label=f"{label:<18}", width=0) as bar:
            yield bar.update


def spare_readers() -> None:
    """In production the host collects the log; a person who reads it has the progress to look at, and gets warnings."""
    if services().settings.app_env != "production" or sys.stderr.isatty():
        only_warnings()


def _share_now_and_then(label: str, length: int, seconds: float, output: Any) -> Callable[[int], None]:
    done, next_line, stopwatch = 0, seconds, Stopwatch()

    def show(more: int) -> None:
        nonlocal done, next_line
        done += more
        if stopwatch.milliseconds >= next_line * 1000:
            click.echo(f"{label}: {done * 100 // max(length, 1)} %", file=output)
            next_line = stopwatch.milliseconds / 1000 + seconds

    return show


@contextmanager
def progress_output() -> Iterator[Any]:
    """Where progress is shown until the block ends; what nobody reads is dropped then."""
    own = sys.__stdout__
    if own is None or sys.stdout is not own:  # something stands in for it
        yield sys.stdout
        return
    writer = NonBlockingWriter(own.fileno())
    try:
        yield _Screen(writer, is_terminal=own.isatty())
    finally:
        writer.drain(DRAIN_SECONDS, drop=True)
        dropped = writer.take_dropped()
        if dropped:
            log.warning("progress_dropped", lines=dropped)


class _Screen:
    """As much of a file as showing progress needs."""

    def __init__(self, writer: NonBlockingWriter, *, is_terminal: bool) -> None:
        self.write = writer.write
        self._is_terminal = is_terminal

    def isatty(self) -> bool:
        return self._is_terminal

    def flush(self) -> None:
        """Nothing is held back."""


def _lines(job: Job, output: Any) -> Progress:
    begun = False

    def show(done: int, total: int) -> None:
        nonlocal begun
        if begun:
            click.echo(f"{job.run_name}: {done} of {total}", file=output)
        begun = True

    return show


def _bar(bars: ExitStack, job: Job, request: Request, output: Any) -> Progress:
    bars.close()
    stopwatch = Stopwatch()
    bar: Any = None
    first = 0

    def show(done: int, total: int) -> None:
        nonlocal bar, first
        if bar is None:
            first = done
            bar = bars.enter_context(_new_bar(job, _most(request, total - first), output))
        bar.update(done - first - bar.pos, _pace(done - first, bar.length, stopwatch.milliseconds))

    return show


def _new_bar(job: Job, length: int, output: Any) -> Any:
    return click.progressbar(
        length=length,
        file=output,
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
