"""The pages of the documentation: their links, headings and fenced blocks."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from textwrap import dedent

PROJECT = Path(__file__).parents[2]
_FENCE = re.compile(r"^( *)```(\S*)[^\n]*\n(.*?)^\1```$", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True, slots=True)
class Block:
    """A fenced block, and where its text begins."""

    page: Path
    line: int
    language: str
    text: str

    def __str__(self) -> str:
        return f"{self.page.relative_to(PROJECT)}:{self.line}"


def pages() -> list[Path]:
    """README and the like, and everything in docs/ and deploy/."""
    folders = (PROJECT / "docs", PROJECT / "deploy")
    return [*sorted(PROJECT.glob("*.md")), *sorted(page for folder in folders for page in folder.rglob("*.md"))]


def blocks(*languages: str) -> list[Block]:
    """All fenced blocks in one of these languages, or in any."""
    return [block for page in pages() for block in _blocks_of(page) if not languages or block.language in languages]


def _blocks_of(page: Path) -> Iterator[Block]:
    text = page.read_text()
    for found in _FENCE.finditer(text):
        yield Block(page, text.count("\n", 0, found.start()) + 2, found[2], dedent(found[3]))


def prose(page: Path) -> str:
    """The page without its fenced blocks and its code."""
    return re.sub(r"`[^`\n]*`", "", _FENCE.sub("", page.read_text()))


def links(page: Path) -> list[str]:
    """Where the page's links and pictures lead."""
    return re.findall(r"\]\(([^)\s]+)\)", prose(page))


def anchors(page: Path) -> set[str]:
    """What a link may name after #, as GitHub forms it from headings."""
    headings = re.findall(r"^#+ (.+)$", _FENCE.sub("", page.read_text()), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}
