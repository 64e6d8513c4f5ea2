"""What a caller at a terminal is told when something goes wrong: a sentence, with --json an error too; status 1."""

import json
from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, TypeVar

import click

from vettr_cron.domain.errors import CronError
from vettr_cron.presentation import failure_json

Arguments = ParamSpec("Arguments")
Answer = TypeVar("Answer")


def speaking(command: Callable[Arguments, Answer]) -> Callable[Arguments, Answer]:
    """Turn the errors that the service expects into a message."""

    @wraps(command)
    def guarded(*args: Arguments.args, **kwargs: Arguments.kwargs) -> Answer:
        try:
            return command(*args, **kwargs)
        except CronError as error:
            if kwargs.get("as_json"):
                click.echo(json.dumps(failure_json(error), indent=2, ensure_ascii=False))
            raise click.ClickException(str(error)) from None

    return guarded
