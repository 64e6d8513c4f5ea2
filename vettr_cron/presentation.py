"""What callers see as JSON, the same over HTTP and with --json on the command line."""

from collections.abc import Mapping
from dataclasses import asdict
from datetime import datetime
from typing import Any

from vettr_cron.domain.errors import CronError, ServiceUnavailable
from vettr_cron.domain.job_state import JobState
from vettr_cron.domain.pace import Pace
from vettr_cron.domain.run import JobResult, Pause, Run
from vettr_cron.domain.timestamps import iso_milliseconds
from vettr_cron.jobs import JOBS
from vettr_cron.services.monitor.coverage import Coverage, Page, StockState
from vettr_cron.services.monitor.status import Status
from vettr_cron.services.operate.cleanup import CleanupResult
from vettr_cron.services.refresh.all_jobs import AllResults
from vettr_cron.services.refresh.preview import Preview


def job_result_json(result: JobResult) -> dict[str, Any]:
    """A job result; `failures_truncated`, `warning` and `error` are there only when there is something to say."""
    shown: dict[str, Any] = {
        "job": result.job,
        "stocks_processed": result.stocks_processed,
        "succeeded": result.succeeded,
        "failed": result.failed,
        "failures": [asdict(failure) for failure in result.failures],
        "duration_ms": result.duration_ms,
        "completed_at": iso_milliseconds(result.completed_at),
        "chunk_info": {
            "current_offset": result.current_offset,
            "chunk_size": result.chunk_size,
            "total_stocks": result.total_stocks,
            "is_complete": result.is_complete,
        },
        "status": result.status.value,
        "stop_reason": result.stop_reason.value,
        "run_id": _text(result.run_id),
        "cycle_id": _text(result.cycle_id),
        "chunks_run": result.chunks_run,
    }
    if result.failed > len(result.failures):
        shown["failures_truncated"] = True
    if result.warning:
        shown["warning"] = result.warning
    if result.error:
        shown["error"] = result.error
    if result.pause:
        shown["paused"] = pause_json(result.pause)
    return shown


def preview_json(preview: Preview) -> dict[str, Any]:
    """What the next call would do."""
    shown: dict[str, Any] = {
        "job": preview.job,
        "dry_run": True,
        "stocks": preview.stocks,
        "tickers": list(preview.tickers),
        "chunk_info": {
            "current_offset": preview.current_offset,
            "chunk_size": preview.chunk_size,
            "total_stocks": preview.total_stocks,
            "is_complete": preview.is_complete,
        },
        "cycle_id": _text(preview.cycle_id),
    }
    if preview.stocks > len(preview.tickers):
        shown["tickers_truncated"] = True
    if preview.warning:
        shown["warning"] = preview.warning
    if preview.pause:
        shown["paused"] = pause_json(preview.pause)
    if preview.held:
        shown["held_by"] = preview.held.run_id or ""
    return shown


def pause_json(pause: Pause) -> dict[str, Any]:
    """Why and since when."""
    return {"reason": pause.reason, "since": iso_milliseconds(pause.paused_at)}


def pauses_json(paused: Mapping[str, Pause]) -> dict[str, Any]:
    """The jobs that are paused now."""
    return {"paused": {job: pause_json(pause) for job, pause in paused.items()}}


def coverage_json(coverage: Coverage) -> dict[str, Any]:
    """How fresh the universe is, and a page of its stocks where one was asked for."""
    shown: dict[str, Any] = {
        "max_age_seconds": int(coverage.max_age.total_seconds()),
        "since": iso_milliseconds(coverage.since),
        "jobs": {key: counts._asdict() | {"oldest": _time(counts.oldest)} for key, counts in coverage.jobs.items()},
    }
    if coverage.page:
        shown["page"] = page_json(coverage.page)
    return shown


def page_json(page: Page) -> dict[str, Any]:
    """A piece of a list of stocks."""
    return {"stocks": [_stock_state_json(state) for state in page.stocks], "next_after": page.next_after}


def _stock_state_json(state: StockState) -> dict[str, Any]:
    return state._asdict() | {
        "job": JOBS[state.job].run_name,
        "last_cycle_id": _text(state.last_cycle_id),
        "last_refreshed_at": _time(state.last_refreshed_at),
        "last_failed_at": _time(state.last_failed_at),
        "failing_since": _time(state.failing_since),
    }


def all_results_json(everything: AllResults) -> dict[str, Any]:
    """Each job's result by its key, and the time for all."""
    results = {key: job_result_json(result) for key, result in everything.results.items()}
    return {**results, "total_duration_ms": everything.total_duration_ms}


def run_json(run: Run) -> dict[str, Any]:
    """A run with every column of cron_job_runs by its own name."""
    return asdict(run) | {
        "id": str(run.id),
        "status": str(run.status),
        "failures": [asdict(failure) for failure in run.failures] if run.failures else None,
        "started_at": iso_milliseconds(run.started_at),
        "completed_at": iso_milliseconds(run.completed_at) if run.completed_at else None,
    }


def history_json(runs: Any) -> dict[str, Any]:
    """A page of runs."""
    return {"runs": [run_json(run) for run in runs], "total": len(runs)}


def status_json(status: Status) -> dict[str, Any]:
    """Offsets and progress as the platform's apps read them, and more about each job."""
    shown: dict[str, Any] = {f"{key}_offset": state.offset for key, state in status.jobs.items()}
    shown["total_stocks"] = status.total_stocks
    shown |= {f"{key}_progress_pct": state.progress_pct for key, state in status.jobs.items()}
    return shown | {"jobs": {key: _state_json(state) for key, state in status.jobs.items()}}


def pace_json(pace: Pace) -> dict[str, Any]:
    """How calls have come lately."""
    return {
        "last_call": _time(pace.last_call),
        "every_seconds": None if pace.every is None else round(pace.every.total_seconds()),
        "stocks_per_call": pace.stocks_per_call,
        "stocks_per_second": None if pace.stocks_per_second is None else round(pace.stocks_per_second, 1),
        "calls_left": pace.calls_left,
        "done_at": _time(pace.done_at),
        "late": pace.late,
    }


def _state_json(state: JobState) -> dict[str, Any]:
    return {
        "job": state.run_name,
        "summary": state.summary,
        "pace": pace_json(state.pace),
        "running": run_json(state.running) if state.running else None,
        "paused": pause_json(state.paused) if state.paused else None,
        "cycle": {
            "cycle_id": _text(state.cycle_id),
            "offset": state.offset,
            "progress_pct": state.progress_pct,
        },
        "last_run": run_json(state.last_run) if state.last_run else None,
        "last_success": run_json(state.last_success) if state.last_success else None,
    }


def reset_json(names: list[str]) -> dict[str, Any]:
    """What was reset."""
    return {"message": "Cron cursors reset", "reset": names}


def cleanup_json(result: CleanupResult) -> dict[str, Any]:
    """What was removed, or with `dry_run` would have been; `error` is there only when there is something to say."""
    return {
        **{f"{name}_removed": count for name, count in result.removed.items()},
        "dry_run": result.dry_run,
        "is_complete": result.is_complete,
        "older_than": {name: iso_milliseconds(time) for name, time in result.older_than.items()},
        "duration_ms": result.duration_ms,
        **({"error": result.error} if result.error else {}),
    }


def failure_json(error: CronError) -> dict[str, Any]:
    """What a call that could not even begin has to say, by the code that the same has over HTTP."""
    code = "SERVICE_UNAVAILABLE" if isinstance(error, ServiceUnavailable) else "VALIDATION_ERROR"
    return {"error": {"code": code, "message": str(error)}}


def _time(moment: datetime | None) -> str | None:
    return None if moment is None else iso_milliseconds(moment)


def _text(value: object) -> str | None:
    return None if value is None else str(value)
