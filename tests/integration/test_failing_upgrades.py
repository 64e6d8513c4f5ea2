"""`db upgrade` that cannot be done: one sentence, exit status 1, and the driver's words in the log."""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import psycopg
import pytest
from sqlalchemy.engine import make_url

from tests.integration.commands import FAILED, run
from tests.integration.migrating import NO_REDIS
from tests.world import World


def assert_says(url: str, sentence: str, logged: str, capsys: pytest.CaptureFixture[str]) -> None:
    with closing(World.make(url, NO_REDIS)) as world:
        capsys.readouterr()
        done = run(world, "db", "upgrade")
    assert (done.exit_code, done.stdout, done.stderr) == (FAILED, "", f"Error: {sentence}\n")
    log = capsys.readouterr().err
    assert logged in log
    assert "Traceback" not in log
    assert "hush" not in log


@pytest.mark.parametrize(
    ("part", "value", "sentence", "logged"),
    [
        ("query", {"host": "/nowhere"}, "The database does not answer", "No such file or directory"),
        ("username", "nobody", "The database refuses the credentials in DATABASE_URL", 'role "nobody" does not exist'),
        ("database", "nothing", "The database named in DATABASE_URL does not exist", 'database "nothing"'),
    ],
)
def test_a_postgresql_that_cannot_be_reached(
    postgres_url: str, part: str, value: object, sentence: str, logged: str, capsys: pytest.CaptureFixture[str]
) -> None:
    url = make_url(postgres_url).set(password="hush-hush", **{part: value})  # type: ignore[arg-type]
    assert_says(url.render_as_string(hide_password=False), sentence, logged, capsys)


@contextmanager
def _guest(url: str, *statements: str) -> Iterator[str]:
    """The URL of a user who may do nothing in particular."""
    with psycopg.connect(url, autocommit=True) as owner:
        owner.execute("CREATE ROLE guest LOGIN")
        for statement in statements:
            owner.execute(statement)
        yield make_url(url).set(username="guest").render_as_string(hide_password=False)
        owner.execute("DROP OWNED BY guest")
        owner.execute("DROP ROLE guest")


def test_a_user_who_may_create_nothing(postgres_url: str, capsys: pytest.CaptureFixture[str]) -> None:
    sentence = "The user in DATABASE_URL lacks a privilege that the service needs"
    with _guest(postgres_url, "REVOKE CREATE ON SCHEMA public FROM PUBLIC") as url:
        assert_says(url, sentence, "permission denied for schema public", capsys)


def test_a_user_without_a_schema(postgres_url: str, capsys: pytest.CaptureFixture[str]) -> None:
    sentence = "The database refuses to be migrated: no schema has been selected to create in"
    with _guest(postgres_url, "ALTER ROLE guest SET search_path = nowhere") as url:
        assert_says(url, sentence, "", capsys)


def test_a_file_in_a_folder_that_is_not_there(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    sentence = "The database file cannot be opened; check its path in DATABASE_URL, its folder and its permissions"
    assert_says(f"sqlite:///{tmp_path}/nowhere/vettr.db", sentence, "unable to open database file", capsys)


def test_a_file_that_is_not_a_database(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "vettr.db").write_text("not a database, but long enough to be taken for one" * 20)
    sentence = "The database file is damaged, or not a database"
    assert_says(f"sqlite:///{tmp_path}/vettr.db", sentence, "file is not a database", capsys)
