"""Logs to standard error: one JSON object per line, or readable lines in development.

Whoever reads them may stop reading: lines for which there is no room are dropped, and a line says how many.
"""

import logging
import logging.config
import re
import sys
from collections.abc import Sequence
from functools import cache, partial
from typing import Any

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

from vettr_cron.domain.errors import ServiceUnavailable
from vettr_cron.domain.printable import printable
from vettr_cron.nonblocking import NonBlockingWriter

FLUSH_SECONDS = 0.5  # that an ending process waits for its log to be read

_CREDENTIALS_IN_URL = re.compile(r"(?<=://)\S*@")  # to the last @: a password may hold any other character
_SHORTEST_HIDDEN = 4  # characters of a secret; a shorter one would be found in every other word

log = structlog.get_logger(__name__)


def log_unavailable(problem: ServiceUnavailable, **context: Any) -> None:
    """Log what a server or its driver said, which no reply tells; an error that several places handle is logged once.

    The service's own sentence does not say whether it was the certificate, the host's name or the password.
    """
    if not problem.is_logged:
        problem.is_logged = True
        log.warning("service_unavailable", reason=str(problem), cause=cause_of(problem), **context)


def cause_of(problem: BaseException) -> str | None:
    """The driver's own words; without the statement and its parameters, which may contain anything."""
    return None if problem.__cause__ is None else words_of(problem.__cause__)


def words_of(failure: BaseException) -> str:
    """What a driver's error says, or one of SQLAlchemy's that stands for it, in one line."""
    error = getattr(failure, "orig", None) or failure
    said = getattr(getattr(error, "diag", None), "message_primary", None) or str(error) or type(error).__name__
    system = _system_error(error)
    if system is not None and (system.strerror or str(system)) not in said:
        said = f"{said}: {system}"
    return " ".join(said.split())


def _system_error(error: BaseException) -> OSError | None:
    """What the system said before: redis-py calls a handshake that nobody answers a timeout."""
    seen: list[BaseException] = []  # an error that was kept and is raised again may lead back to itself
    earlier = error.__cause__ or error.__context__
    while earlier is not None and earlier not in seen:
        if isinstance(earlier, OSError):
            return earlier
        seen.append(earlier)
        earlier = earlier.__cause__ or earlier.__context__
    return None


def configure_logs(*, readable: bool, secrets: Sequence[str] = ()) -> None:
    """Send structlog's events and the standard library's records through one handler.

    `secrets` are replaced where a cause quotes them.
    """
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *_shared(),
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )
    logging.config.dictConfig(logging_config(readable=readable, secrets=secrets))
    logging.captureWarnings(True)  # Python itself would write them to standard error, and wait


class NonBlockingHandler(logging.Handler):
    """Hands each line to the thread that writes to this process's standard error."""

    def emit(self, record: logging.LogRecord) -> None:
        """Write a record, after the number of lines that were dropped before it."""
        try:
            line = self.format(record)
        except Exception:
            self.handleError(record)
            return
        self._report_dropped()
        _stderr().write(f"{line}\n")

    def flush(self) -> None:
        """Wait a moment until everything is written."""
        if _stderr().drain(FLUSH_SECONDS):
            self._report_dropped()
            _stderr().drain(FLUSH_SECONDS)

    def _report_dropped(self) -> None:
        dropped = _stderr().take_dropped()
        if not dropped:
            return
        event: EventDict = {"event": "log_lines_dropped", "lines": dropped}
        for processor in _shared():
            event = processor(None, "warning", event)  # type: ignore[assignment]  # none of these ends the chain
        record = logging.makeLogRecord({"msg": event, "_logger": None, "_name": "warning"})
        _stderr().write(f"{self.format(record)}\n", dropped)


@cache
def _stderr() -> NonBlockingWriter:
    return NonBlockingWriter(sys.__stderr__.fileno())  # type: ignore[union-attr]  # it is there where this is used


def flush_logs() -> None:
    """Let the log be written before something else is; after a moment, whoever does not read it is not waited for."""
    for handler in logging.getLogger().handlers:
        handler.flush()


def logging_config(*, readable: bool, secrets: Sequence[str] = ()) -> dict[str, Any]:
    """The same as a dictionary for logging.config, which gunicorn accepts too."""
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {
            "lines": {
                "()": structlog.stdlib.ProcessorFormatter,
                "foreign_pre_chain": _shared(),
                "processors": [
                    structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                    structlog.processors.format_exc_info,
                    _without_credentials,
                    partial(_without_secrets, [secret for secret in secrets if len(secret) >= _SHORTEST_HIDDEN]),
                    *([_printable] if readable else []),
                    _console() if readable else structlog.processors.JSONRenderer(),
                ],
            }
        },
        "handlers": {"stderr": {"()": _handler(), "formatter": "lines"}},
        "root": {"handlers": ["stderr"], "level": "INFO"},
        "loggers": {
            "alembic": {"level": "WARNING"},
            # Two lines a group, which say nothing that its run does not.
            "celery.app.trace": {"level": "WARNING"},
            "celery.worker.strategy": {"level": "WARNING"},
            "gunicorn.error": {"level": "INFO", "handlers": [], "propagate": True},
            # gunicorn logs every request once logging is configured. The service logs requests itself, without the
            # query string, which may contain something private.
            "gunicorn.access": {"level": "CRITICAL", "handlers": [], "propagate": False},
        },
    }


def only_warnings() -> None:
    """Leave the terminal to a progress bar."""
    logging.getLogger().setLevel(logging.WARNING)


def only_errors() -> None:
    """Say nothing but what went wrong, and which server was the cause."""
    logging.getLogger().setLevel(logging.ERROR)
    logging.getLogger(__name__).setLevel(logging.WARNING)  # service_unavailable


def _handler() -> type[logging.Handler]:
    """For the process's own standard error, which may be a pipe that is not read; not for what stands in for it."""
    own = sys.stderr is not None and sys.stderr is sys.__stderr__
    return NonBlockingHandler if own else logging.StreamHandler


def _console() -> Processor:
    # Tracebacks are plain text: the renderer's own would show every local variable, including secrets.
    colors = sys.stderr.isatty()
    return structlog.dev.ConsoleRenderer(colors=colors, exception_formatter=structlog.dev.plain_traceback)


def _shared() -> list[Processor]:
    return [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]


def _printable(_logger: WrappedLogger, _name: str, event: EventDict) -> EventDict:
    """Texts from outside, such as a requested path, must not control the terminal; a traceback keeps its lines."""
    for key, value in event.items():
        if isinstance(value, str):
            lines = value.split("\n") if key == "exception" else [value]
            event[key] = "\n".join(map(printable, lines))
    return event


def _without_credentials(_logger: WrappedLogger, _name: str, event: EventDict) -> EventDict:
    """A driver's error may quote the URL that it was given, password included."""
    for key, value in event.items():
        if isinstance(value, str) and "://" in value:
            event[key] = _CREDENTIALS_IN_URL.sub("***@", value)
    return event


def _without_secrets(secrets: Sequence[str], _logger: WrappedLogger, _name: str, event: EventDict) -> EventDict:
    """A part of a URL that was misread as its host, or a setting, may be a password."""
    cause = event.get("cause")
    if isinstance(cause, str):
        for secret in secrets:
            cause = cause.replace(secret, "***")
        event["cause"] = cause
    return event
