"""What a caller at a terminal is told when something goes wrong: a sentence, with --json an error too; status 1."""

from collections.abc import Callable
from functools import wraps
from typing import Any, ParamSpec, TypeVar

import click
from flask.cli import AppGroup

from vettr_cron.cli.output import as_lines, show_json
from vettr_cron.domain.errors import CronError, ServiceUnavailable
from vettr_cron.domain.printable import printable

Arguments = ParamSpec("Arguments")
Answer = TypeVar("Answer")


def report_errors(command: Callable[Arguments, Answer]) -> Callable[Arguments, Answer]:
    """Turn the errors that the service expects into a message."""

    @wraps(command)
    def guarded(*args: Arguments.args, **kwargs: Arguments.kwargs) -> Answer:
        try:
            return command(*args, **kwargs)
        except CronError as error:
            if kwargs.get("as_json"):
                show_json(_failure(error))
            raise click.ClickException(as_lines(error.lines)) from None

    return guarded


def _failure(error: CronError) -> dict[str, Any]:
    """What a call that could not even begin has to say, by the code that the same has over HTTP."""
    code = "SERVICE_UNAVAILABLE" if isinstance(error, ServiceUnavailable) else "VALIDATION_ERROR"
    return {"error": {"code": code, "message": str(error)}}


class CommandGroup(AppGroup):
    """Commands whose wrong usage is told in words that do nothing to the terminal, whatever was typed."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command that was asked for."""
        try:
            return super().invoke(ctx)
        except click.exceptions.NoArgsIsHelpError:
            raise
        except click.UsageError as error:
            raise click.UsageError(printable(error.format_message()), error.ctx) from None
