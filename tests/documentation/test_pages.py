"""The pages hang together: links lead somewhere, blocks can be read, and what is listed is all there is."""

import configparser
import json
import re
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from tests.documentation.configuration import PAGE, page
from tests.documentation.pages import PROJECT, anchors, blocks, links, pages
from tests.tools import needed
from vettr_cron.config import PING_VARIABLE, Settings
from vettr_cron.jobs import JOBS
from vettr_cron.schedule_settings import SCHEDULE_VARIABLE

LANGUAGES = {"sh", "json", "yaml", "python", "sql", "ini", "crontab", "nginx", "text"}
of_page = pytest.mark.parametrize("path", pages(), ids=lambda path: str(path.relative_to(PROJECT)))


@of_page
def test_every_link_leads_to_a_file_of_the_project_and_its_heading(path: Path) -> None:
    for link in links(path):
        if link.startswith(("https://", "http://localhost")):
            continue
        name, _, anchor = link.partition("#")
        target = (path.parent / name).resolve() if name else path
        assert target.exists(), link
        assert PROJECT in target.parents, link
        assert not anchor or anchor in anchors(target), link


@of_page
def test_every_block_says_what_it_is_in(path: Path) -> None:
    assert path.read_text().count("```") == 2 * len([block for block in blocks() if block.page == path])
    for block in blocks():
        assert block.page != path or block.language in LANGUAGES, str(block)


def read_json(text: str) -> object:
    return json.loads(text)


def read_yaml(text: str) -> object:
    return list(yaml.safe_load_all(text))


def read_ini(text: str) -> object:
    parser = configparser.ConfigParser(strict=False, interpolation=None)
    parser.read_string(text)
    return parser.sections()


@pytest.mark.parametrize("read", [read_json, read_yaml, read_ini])
def test_blocks_can_be_read(read: Callable[[str], object]) -> None:
    for block in blocks(read.__name__.removeprefix("read_")):
        assert read(block.text), str(block)


def test_shell_can_be_read_and_has_no_known_pitfall() -> None:
    for block in blocks("sh"):
        done = subprocess.run(
            [needed("shellcheck"), "--shell=sh", "--severity=warning", "--exclude=SC2164", "-"],
            check=False,
            input=block.text,
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, f"{block}\n{done.stdout}"


def test_the_page_of_settings_is_made_from_their_definitions() -> None:
    assert PAGE.read_text() == page(), "run `make configuration`"


def test_every_variable_that_is_named_is_one_of_the_settings() -> None:
    known = {name.upper() for name in Settings.model_fields}
    of_jobs = {f"{prefix}{job.key.upper()}" for prefix in (PING_VARIABLE, SCHEDULE_VARIABLE) for job in JOBS.values()}
    prefixes = {PING_VARIABLE, SCHEDULE_VARIABLE, "CRON_KEEP_"}
    for path in pages():
        if path.name not in ("CHANGELOG.md", "how-to-add-a-job.md"):
            named = set(
                re.findall(r"\b(?:CRON_[A-Z_]+|DATABASE_URL|REDIS_[A-Z_]+|METRICS_[A-Z_]+)\b", path.read_text())
            )
            assert not named - known - of_jobs - prefixes, path


def test_a_newcomer_has_little_to_read() -> None:
    assert len((PROJECT / "README.md").read_text().splitlines()) < 150


def test_the_index_lists_every_page() -> None:
    for folder in (PROJECT / "docs", PROJECT / "docs" / "deploy"):
        index = folder / "README.md"
        listed = {(folder / link.partition("#")[0]).resolve() for link in links(index)}
        for path in folder.glob("*.md"):
            assert path == index or path in listed, path


@pytest.mark.parametrize("path", sorted((PROJECT / "docs" / "deploy").glob("*.md")), ids=lambda path: path.name)
def test_every_recipe_has_the_same_form(path: Path) -> None:
    if path.name in ("README.md", "beside-the-platform.md", "schedulers.md"):
        return
    headings = [line for line in path.read_text().splitlines() if line.startswith("## ")]
    form = ["## You need", "## Do this", "## Check that it works", "## When it does not", "## How far this was tried"]
    assert [heading for heading in headings if heading in form] == form
