"""The commands in the documentation's shell blocks."""

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass

from tests.documentation.pages import Block, blocks

_SEPARATORS = {"&&", "||", ";", "|", "&", ";;", "(", ")"}
_KEYWORDS = {"if", "then", "else", "fi", "for", "in", "do", "done", "while", "set", "export", "cd", "."}


@dataclass(frozen=True, slots=True)
class Command:
    """A command as it stands in a block: its words, without what is assigned before it and where its output goes."""

    block: Block
    words: tuple[str, ...]

    @property
    def program(self) -> str:
        """The name of the program, whatever folder it is taken from."""
        return self.words[0].rpartition("/")[2]

    def __str__(self) -> str:
        return f"{self.block}: {shlex.join(self.words)}"


def commands(*programs: str) -> list[Command]:
    """All commands of shell blocks, or those of these programs."""
    found = [command for block in blocks("sh") for command in _commands_of(block)]
    return [command for command in found if not programs or command.program in programs]


def _commands_of(block: Block) -> Iterator[Command]:
    text = re.sub(r"<<'?(\w+)'?\n.*?^\1$", "", block.text, flags=re.MULTILINE | re.DOTALL)  # here-documents
    for line in text.replace("\\\n", " ").splitlines():
        lexer = shlex.shlex(line, posix=True, punctuation_chars=True)
        lexer.whitespace_split = True
        lexer.commenters = "" if re.search(r"\$\{?\w*#", line) else "#"
        yield from _split(block, list(lexer))


def _split(block: Block, words: list[str]) -> Iterator[Command]:
    current: list[str] = []
    for word in [*words, ";"]:
        if word in _SEPARATORS:
            if current and current[0] not in _KEYWORDS:
                yield Command(block, tuple(current))
            current = []
        elif current or not re.match(r"\w+=", word):
            current.append(word)
