"""How commands report errors: as a sentence, with --json also as JSON; the exit status is 1."""

from collections.abc import Callable
from functools import wraps
from typing import Any, ParamSpec, TypeVar

import click
from flask.cli import AppGroup

from vettr_cron.cli.output import as_lines, show_json
from vettr_cron.domain.errors import CronError, ServiceUnavailable
from vettr_cron.domain.printable import printable
from vettr_cron.logs import flush_logs, log_unavailable

Arguments = ParamSpec("Arguments")
Answer = TypeVar("Answer")


def report_errors(command: Callable[Arguments, Answer]) -> Callable[Arguments, Answer]:
    """Report the errors that the service expects as messages."""

    @wraps(command)
    def guarded(*args: Arguments.args, **kwargs: Arguments.kwargs) -> Answer:
        try:
            return command(*args, **kwargs)
        except CronError as error:
            if isinstance(error, ServiceUnavailable):
                log_unavailable(error)
            if kwargs.get("as_json"):
                show_json(_failure(error))
            flush_logs()
            raise click.ClickException(as_lines(error.lines)) from None

    return guarded


def _failure(error: CronError) -> dict[str, Any]:
    """The JSON of a command that failed, with the code that the error has over HTTP."""
    code = "SERVICE_UNAVAILABLE" if isinstance(error, ServiceUnavailable) else "VALIDATION_ERROR"
    return {"error": {"code": code, "message": str(error)}}


class CommandGroup(AppGroup):
    """Commands whose usage errors are escaped, so that nothing that was typed acts on the terminal."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run the requested command."""
        try:
            return super().invoke(ctx)
        except click.exceptions.NoArgsIsHelpError:
            raise
        except click.UsageError as error:
            raise click.UsageError(printable(error.format_message()), error.ctx) from None
