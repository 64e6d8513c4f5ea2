"""compose.yaml as Compose reads it: with the variables of the environment, or of `.env`, put in."""

import re
from collections.abc import Mapping
from typing import Any

import yaml

from tests.e2e.programs import PROJECT

_VARIABLE = re.compile(r"\$\{(\w+)(?::(\?|-)([^}]*))?\}")


class Unset(Exception):
    """A variable that the file requires is not set, or empty."""


def compose(variables: Mapping[str, str]) -> dict[str, Any]:
    """The whole file. Raises Unset, in the words of the file."""
    loaded: dict[str, Any] = _filled(written(), variables)
    return loaded


def written() -> Any:
    """The file as it is written."""
    return yaml.safe_load((PROJECT / "compose.yaml").read_text())


def _filled(node: Any, variables: Mapping[str, str]) -> Any:
    if isinstance(node, dict):
        return {name: _filled(value, variables) for name, value in node.items()}
    if isinstance(node, list):
        return [_filled(value, variables) for value in node]
    return _VARIABLE.sub(lambda match: _value(match, variables), node) if isinstance(node, str) else node


def _value(match: "re.Match[str]", variables: Mapping[str, str]) -> str:
    name, operator, word = match.groups()
    value = variables.get(name, "")
    if not value and operator == "?":
        raise Unset(f"{name}: {word}")
    return value or (word if operator == "-" else "")
