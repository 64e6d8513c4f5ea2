"""What commands print: lines of text or JSON, escaped so that nothing in them acts on the terminal."""

import json
import os
import sys
from collections.abc import Sequence
from typing import Any

import click
from pydantic import BaseModel

from vettr_cron.domain.printable import printable, printable_json
from vettr_cron.nonblocking import NonBlockingWriter
from vettr_cron.shapes import shape

DRAIN_SECONDS = 0.5


def show(reply: BaseModel, as_json: bool, lines: Sequence[str], *, wait: bool = True) -> None:
    """Print the reply's JSON, or the lines. Without `wait`, a reader that does not read is not waited for."""
    text = _as_json_text(shape.as_json(reply)) if as_json else as_lines(lines)
    own = sys.__stdout__
    if wait or own is None or sys.stdout is not own:
        echo(text)
        return
    writer = NonBlockingWriter(own.fileno())
    writer.write(f"{text}\n")
    writer.drain(DRAIN_SECONDS)


def show_json(data: Any) -> None:
    """Print JSON."""
    echo(_as_json_text(data))


def show_lines(lines: Sequence[str]) -> None:
    """Print each text as one line."""
    echo(as_lines(lines))


def echo(text: str) -> None:
    """Print a text, or nothing once nobody reads it, as after `| head`: what was to be done is done all the same."""
    try:
        click.echo(text)
    except BrokenPipeError:
        # Python would fail again when it flushes the rest at its end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _as_json_text(data: Any) -> str:
    return printable_json(json.dumps(data, indent=2, ensure_ascii=False))


def as_lines(lines: Sequence[str]) -> str:
    """The texts, each as one line."""
    return "\n".join(map(printable, lines))
