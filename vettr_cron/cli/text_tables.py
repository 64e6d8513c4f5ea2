"""Results, status and history as plain text in columns."""

from collections.abc import Sequence
from datetime import datetime

from vettr_cron.domain.job_state import ago
from vettr_cron.domain.logged_call import LoggedCall
from vettr_cron.domain.printable import printable
from vettr_cron.domain.run import JobResult, Run
from vettr_cron.domain.timestamps import iso_milliseconds, logged_time
from vettr_cron.services.monitor.calls import CallPage
from vettr_cron.services.monitor.coverage import Coverage, FailurePage, Page
from vettr_cron.services.monitor.status import Status
from vettr_cron.services.refresh.preview import Preview

FAILURES_SHOWN = 20


def columns(rows: Sequence[Sequence[object]]) -> list[str]:
    """Rows as lines of columns: text aligned left, numbers right."""
    texts = [["" if value is None else printable(str(value)) for value in row] for row in rows]
    widths = [max(len(line[column]) for line in texts) for column in range(len(texts[0]))]
    numeric = [all(isinstance(row[column], int | None) for row in rows[1:]) for column in range(len(widths))]
    return [
        "  ".join(
            text.rjust(width) if number else text.ljust(width)
            for text, width, number in zip(line, widths, numeric, strict=True)
        ).rstrip()
        for line in texts
    ]


def result_table(results: Sequence[JobResult], *, in_cycle: bool = True) -> list[str]:
    """One line per job, then the stocks that failed, warnings, errors and pauses."""
    head = ("job", "status", "because", "stocks", "succeeded", "failed", "chunks", "ms", "stocks/s", "cycle")
    rows: list[Sequence[object]] = [head]
    rows += [
        (
            result.job,
            result.status.value,
            result.stop_reason.value,
            result.stocks_processed,
            result.succeeded,
            result.failed,
            result.chunks_run,
            result.duration_ms,
            result.stocks_processed * 1000 // max(result.duration_ms, 1),
            "complete" if result.is_complete else _progress(result),
        )
        for result in results
    ]
    if not in_cycle:  # named stocks have no place in it
        rows = [row[:-1] for row in rows]
    return [*columns(rows), *(line for result in results for line in _remarks(result))]


def preview_table(previews: Sequence[Preview]) -> list[str]:
    """One line per job, with the first and the last of the listed stocks."""
    rows: list[Sequence[object]] = [("job", "would take", "from", "to", "but")]
    for preview in previews:
        first, last = (preview.tickers[0], preview.tickers[-1]) if preview.tickers else (None, None)
        last = f"{last} ..." if preview.stocks > len(preview.tickers) else last
        holder = "another caller is running it" if preview.held else None
        obstacle = "it is paused" if preview.pause else holder or preview.warning
        rows.append((preview.job, preview.stocks, first, last, obstacle))
    return columns(rows)


def coverage_table(coverage: Coverage) -> list[str]:
    """One line per job."""
    rows: list[Sequence[object]] = [("job", "total", "fresh", "stale", "never", "failing", "oldest")]
    for key, counts in coverage.jobs.items():
        oldest = iso_milliseconds(counts.oldest) if counts.oldest else None
        rows.append((key, counts.total, counts.fresh, counts.stale, counts.never, counts.failing, oldest))
    return columns(rows)


def stocks_table(pages: Sequence[Page]) -> list[str]:
    """One line per stock."""
    states = [(page.job, state) for page in pages for state in page.stocks]
    if not states:
        return ["There are no such stocks."]
    rows: list[Sequence[object]] = [("job", "ticker", "refreshed", "failing since", "times", "error")]
    for job, state in states:
        refreshed, since = (
            iso_milliseconds(moment) if moment else None for moment in (state.last_refreshed_at, state.failing_since)
        )
        rows.append((job, state.ticker, refreshed, since, state.consecutive_failures, state.last_error))
    more = [f"more: --after {page.next_after}" for page in pages if page.next_after]
    return [*columns(rows), *more]


def reasons_table(pages: Sequence[FailurePage]) -> list[str]:
    """One line per reason for which stocks fail, then an empty one; nothing if none fails."""
    rows: list[Sequence[object]] = [("job", "stocks", "reason")]
    rows += [(page.job, count.stocks, count.reason) for page in pages for count in page.reasons]
    return [*columns(rows), ""] if len(rows) > 1 else []


def status_table(status: Status) -> list[str]:
    """One line per job, then each job's summary."""
    head = ("job", "progress", "offset", "of", "running", "last call", "last completed", "next call")
    rows: list[Sequence[object]] = [head]
    rows += [
        (
            state.run_name,
            f"{state.progress_pct} %",
            state.offset,
            status.total_stocks,
            _when(state.running),
            _called(state.last_call, status),
            _at(state.last_completed_call.started_at) if state.last_completed_call else "none",
            _at(state.next_call),
        )
        for state in status.jobs.values()
    ]
    engine = [f"{status.engine.name}: {status.engine.summary}"] if status.engine.has_workers else []
    return [*columns(rows), *(f"{state.run_name}: {state.summary}" for state in status.jobs.values()), *engine]


def history_table(runs: Sequence[Run]) -> list[str]:
    """One line per run."""
    if not runs:
        return ["There are no runs."]
    head = ("started", "job", "status", "offset", "stocks", "succeeded", "failed", "ms", "error")
    rows: list[Sequence[object]] = [head]
    rows += [
        (
            logged_time(run.started_at),
            run.job_name,
            str(run.status),
            run.chunk_offset,
            run.stocks_processed,
            run.succeeded,
            run.failed_count,
            run.duration_ms,
            run.error_message,
        )
        for run in runs
    ]
    return columns(rows)


def calls_table(page: CallPage) -> list[str]:
    """One line per call, and since when calls are logged."""
    if page.calls_since is None:
        return ["No call is logged yet."]
    since = f"Calls are logged since {_at(page.calls_since)}."
    if not page.calls:
        return ["There are no such calls.", since]
    head = ("started", "job", "by", "stocks of", "status", "because", "chunks", "stocks", "failed", "s", "error")
    rows: list[Sequence[object]] = [head]
    rows += [
        (
            _at(call.started_at),
            call.job,
            str(call.caller),
            "the cycle" if call.along_cursor else "a list",
            str(call.status),
            None if call.stop_reason is None else str(call.stop_reason),
            call.chunks_run,
            call.stocks_processed,
            call.failed,
            f"{(call.ended_at - call.started_at).total_seconds():.1f}" if call.ended_at else None,
            call.error,
        )
        for call in page.calls
    ]
    return [*columns(rows), since]


def _at(moment: datetime | None) -> str | None:
    return iso_milliseconds(moment) if moment else None


def _progress(result: JobResult) -> str:
    return f"{result.current_offset + result.stocks_processed} of {result.total_stocks}"


def _remarks(result: JobResult) -> list[str]:
    lines = [f"{result.job}: {failure.ticker}: {failure.error}" for failure in result.failures[:FAILURES_SHOWN]]
    if result.failed > FAILURES_SHOWN:
        lines.append(f"{result.job}: and {result.failed - FAILURES_SHOWN} more failed")
    paused = f"paused: {result.pause.reason or 'no reason'}" if result.pause else None
    since = result.seconds_since_progress
    at_work = None if since is None else f"another call is at work; its last progress was {ago(since)}"
    lines += [f"{result.job}: {text}" for text in (result.warning, result.error, paused, at_work) if text]
    return lines


def _called(call: LoggedCall | None, status: Status) -> str:
    if call:
        return f"{call.status} {_at(call.started_at)}"
    return f"none since {_at(status.calls_since)}" if status.calls_since else "none is logged"


def _when(run: Run | None) -> str | None:
    return logged_time(run.started_at) if run else None
