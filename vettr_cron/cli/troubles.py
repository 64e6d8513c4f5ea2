"""What a person at a terminal reads when something goes wrong: one sentence, exit status 1."""

from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, TypeVar

import click

from vettr_cron.domain.errors import CronError

Arguments = ParamSpec("Arguments")
Answer = TypeVar("Answer")


def speaking(command: Callable[Arguments, Answer]) -> Callable[Arguments, Answer]:
    """Turn the errors that the service expects into a message."""

    @wraps(command)
    def guarded(*args: Arguments.args, **kwargs: Arguments.kwargs) -> Answer:
        try:
            return command(*args, **kwargs)
        except CronError as error:
            raise click.ClickException(str(error)) from None

    return guarded
