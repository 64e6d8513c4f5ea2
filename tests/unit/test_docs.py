"""What the documentation names is there."""

import re
from pathlib import Path

import pytest

PROJECT = Path(__file__).parents[2]
PAGES = sorted([*PROJECT.glob("*.md"), *PROJECT.glob("docs/**/*.md")])


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(PROJECT)))
def test_every_link_of_a_page_leads_somewhere(page: Path) -> None:
    links = re.findall(r"\]\((?!https?:)([^)#]+)\)", page.read_text())
    assert [link for link in links if not (page.parent / link).exists()] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(PROJECT)))
def test_every_file_that_a_page_names_is_there(page: Path) -> None:
    code = (PROJECT / "vettr_cron").iterdir()
    tops = "|".join(["vettr_cron", "tests", "docs", "bench", "migrations", *(part.name for part in code)])
    named = re.findall(rf"`((?:{tops})/[\w./-]*)`", page.read_text())
    missing = [name for name in named if not any((root / name).exists() for root in (PROJECT, PROJECT / "vettr_cron"))]
    assert missing == []


def test_every_name_of_code_on_the_path_of_a_call_is_there() -> None:
    path = (PROJECT / "docs" / "architecture.md").read_text().partition("## The path")[2].partition("## Where")[0]
    code = "\n".join(path.read_text() for path in (PROJECT / "vettr_cron").rglob("*.py"))
    names = [name for text in re.findall(r"`([A-Za-z_.]+)`", path) if "/" not in text for name in text.split(".")]
    assert len(names) > 15
    assert [name for name in names if not re.search(rf"\b{name}\b", code)] == []
