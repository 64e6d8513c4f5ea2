"""The commands, run in the test's own process."""

import json
from typing import Any

import click.testing

from tests.world import World

DONE, FAILED, WRONG_USAGE, SKIPPED = 0, 1, 2, 75


def run(world: World, *words: str) -> click.testing.Result:
    """flask --app wsgi WORDS..."""
    return world.app.test_cli_runner().invoke(args=words)


def printed_json(world: World, *words: str, status: int = DONE) -> Any:
    result = run(world, *words, "--json")
    assert (result.exit_code, result.stderr) == (status, ""), result.output
    return json.loads(result.stdout)
