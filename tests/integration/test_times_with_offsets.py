"""On SQLite another program may write times with Z or an offset: they count as the time that they say."""

from datetime import datetime, timedelta
from pathlib import Path
from uuid import uuid4

import pytest

from tests.integration.csv_imports import contents, import_files
from tests.world import World
from vettr_cron.repositories.universe import Named
from vettr_cron.services.clock import utc_now

STOCKS = "ticker,name,exchange,sector\nAAA,Alpha,NYSE,Gold\n"


@pytest.fixture
def alpha(sqlite_world: World, tmp_path: Path) -> World:
    """A service with one stock."""
    assert import_files(sqlite_world, tmp_path, {"stocks": STOCKS}).exit_code == 0
    return sqlite_world


def _file(world: World, date: str, title: str = "Report") -> None:
    stock_id = world.rows("SELECT id FROM stocks")[0]["id"]
    world.execute(
        "INSERT INTO filings (id, stock_id, type, title, date, is_material, created_at)"
        f" VALUES ('{uuid4().hex}', '{stock_id}', '8-K', '{title}', '{date}', 0, '2026-11-20T00:00:00Z')"
    )


def _flag(world: World, flag_type: str) -> str:
    result = world.data("red-flags")
    assert (result["succeeded"], result["failures"]) == (1, [])
    (row,) = world.rows(f"SELECT description FROM red_flag_history WHERE flag_type = '{flag_type}'")
    return str(row["description"])


@pytest.mark.parametrize("form", ["{:%Y-%m-%dT%H:%M:%SZ}", "{:%Y-%m-%d %H:%M:%S.%f+00:00}", "{:%Y-%m-%dT%H:%M}"])
def test_a_filing_counts_whatever_the_form_of_its_time(alpha: World, form: str) -> None:
    _file(alpha, form.format(utc_now() - timedelta(days=40, hours=1)))
    assert _flag(alpha, "disclosure_gaps") == "The newest filing is 40 days old."
    assert alpha.data("scores")["succeeded"] == 1


def test_the_newest_filing_is_the_latest_in_utc(alpha: World) -> None:
    # In New York it is still the day before when it is 01:00 in UTC: as a text, the later time comes first.
    midnight = datetime.combine((utc_now() - timedelta(days=40)).date(), datetime.min.time())
    _file(alpha, f"{midnight - timedelta(hours=1):%Y-%m-%dT%H:%M:%S}-05:00")  # 04:00 in UTC
    _file(alpha, f"{midnight + timedelta(hours=3):%Y-%m-%d %H:%M:%S.%f}")
    for job in alpha.services.jobs.values():
        with alpha.services.database.reading() as connection:
            (alone,) = job.load(connection, Named(("AAA",)), utc_now()).items
        assert alone.inputs.newest_filing == midnight + timedelta(hours=4)


def test_the_limit_of_what_is_recent_is_a_moment_in_utc(alpha: World) -> None:
    since = utc_now() - timedelta(days=365)
    _file(alpha, f"{since + timedelta(hours=1) - timedelta(hours=12):%Y-%m-%dT%H:%M:%S}-12:00", "A merger")
    _file(alpha, f"{since - timedelta(hours=1) + timedelta(hours=12):%Y-%m-%dT%H:%M:%S}+12:00", "A merger")
    expected = "Acquisitions or mergers come up in 1 of 1 filing of the last 365 days."
    assert _flag(alpha, "consolidation_velocity") == expected


def test_an_import_updates_a_row_whose_time_has_an_offset(alpha: World, tmp_path: Path) -> None:
    _file(alpha, "2026-10-31T22:00:00-04:00")
    (before,) = contents(alpha)["filings"]
    filings = "ticker,type,title,date,summary\nAAA,8-K,Report,2026-11-01T02:00:00Z,New\n"
    assert import_files(alpha, tmp_path, {"filings": filings}).exit_code == 0
    (after,) = contents(alpha)["filings"]
    assert (after["id"], after["summary"]) == (before["id"], "New")


@pytest.mark.parametrize("form", ["noon", "2026-13-01T00:00:00Z", "0001-01-01T00:00:00+01:00"])
def test_what_is_not_a_time_fails_its_stock_in_words(alpha: World, form: str) -> None:
    _file(alpha, form)
    (failure,) = alpha.data("red-flags")["failures"]
    assert failure["error"] == f"filings.date is '{form}'; a timestamp without time zone is needed"


def test_an_import_near_the_ends_of_the_calendar(alpha: World, tmp_path: Path) -> None:
    filings = "ticker,type,title,date\nAAA,8-K,Old,0001-01-01\nAAA,8-K,New,9999-12-31\n"
    for _ in range(2):
        assert import_files(alpha, tmp_path, {"filings": filings}).exit_code == 0
    assert len(contents(alpha)["filings"]) == 2
