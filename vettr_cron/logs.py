"""Logs to standard error: one JSON object per line, or readable lines in development."""

import logging
import logging.config
import re
import sys
from typing import Any

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

from vettr_cron.domain.printable import printable

_CREDENTIALS_IN_URL = re.compile(r"(?<=://)\S*@")  # to the last @: a password may hold any other character


def configure_logs(*, readable: bool) -> None:
    """Send structlog's events and the standard library's records through one handler."""
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *_shared(),
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )
    logging.config.dictConfig(logging_config(readable=readable))


def logging_config(*, readable: bool) -> dict[str, Any]:
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
                    *([_printable] if readable else []),
                    _console() if readable else structlog.processors.JSONRenderer(),
                ],
            }
        },
        "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "lines"}},
        "root": {"handlers": ["stderr"], "level": "INFO"},
        "loggers": {
            "alembic": {"level": "WARNING"},
            "gunicorn.error": {"level": "INFO", "handlers": [], "propagate": True},
            # gunicorn logs every request once logging is configured. The service logs requests itself, without the
            # query string, which may contain something private.
            "gunicorn.access": {"level": "CRITICAL", "handlers": [], "propagate": False},
        },
    }


def only_warnings() -> None:
    """Leave the terminal to a progress bar."""
    logging.getLogger().setLevel(logging.WARNING)


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
