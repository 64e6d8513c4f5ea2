"""What callers see as JSON, the same over HTTP and with --json on the command line."""

from dataclasses import asdict
from typing import Any

from vettr_cron.domain.errors import CronError, ServiceUnavailable
from vettr_cron.domain.run import JobResult, Run
from vettr_cron.domain.timestamps import iso_milliseconds
from vettr_cron.services.refresh_all import AllResults
from vettr_cron.services.status import JobState, Status


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
    return shown


def all_results_json(everything: AllResults) -> dict[str, Any]:
    """Each job's result by its key, and the time for all."""
    results = {key: job_result_json(result) for key, result in everything.results.items()}
    return {**results, "total_duration_ms": everything.total_duration_ms}


def run_json(run: Run) -> dict[str, Any]:
    """A run with every column of cron_job_runs by its own name."""
    return asdict(run) | {
        "id": str(run.id),
        "status": run.status.value,
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


def _state_json(state: JobState) -> dict[str, Any]:
    return {
        "job": state.run_name,
        "running": run_json(state.running) if state.running else None,
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


def failure_json(error: CronError) -> dict[str, Any]:
    """What a call that could not even begin has to say, by the code that the same has over HTTP."""
    code = "SERVICE_UNAVAILABLE" if isinstance(error, ServiceUnavailable) else "VALIDATION_ERROR"
    return {"error": {"code": code, "message": str(error)}}


def _text(value: object) -> str | None:
    return None if value is None else str(value)
