"""What commands print: lines of text or JSON, escaped so that nothing in them acts on the terminal."""

import json
from collections.abc import Sequence
from typing import Any

import click
from pydantic import BaseModel

from vettr_cron.domain.printable import printable, printable_json
from vettr_cron.shapes import shape


def show(reply: BaseModel, as_json: bool, lines: Sequence[str]) -> None:
    """Print the reply's JSON, or the lines."""
    if as_json:
        show_json(shape.as_json(reply))
    else:
        show_lines(lines)


def show_json(data: Any) -> None:
    """Print JSON."""
    click.echo(printable_json(json.dumps(data, indent=2, ensure_ascii=False)))


def show_lines(lines: Sequence[str]) -> None:
    """Print each text as one line."""
    click.echo(as_lines(lines))


def as_lines(lines: Sequence[str]) -> str:
    """The texts, each as one line."""
    return "\n".join(map(printable, lines))
