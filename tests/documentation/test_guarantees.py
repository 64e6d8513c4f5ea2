"""Each promise names tests that are there."""

import ast
import re

from tests.documentation.pages import PROJECT

PAGE = PROJECT / "docs" / "guarantees.md"


def test_each_promise_names_a_test_that_is_there() -> None:
    rows = [line for line in PAGE.read_text().splitlines() if line.startswith("| ")][1:]
    assert len(rows) > 30
    for row in rows:
        named = re.findall(r"`(tests/[^`]+)`", row)
        assert named, row
        for name in named:
            path, _, function = name.partition("::")
            assert (PROJECT / path).exists(), name
            assert not function or function in functions(path), name


def functions(path: str) -> set[str]:
    tree = ast.parse((PROJECT / path).read_text())
    return {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}
