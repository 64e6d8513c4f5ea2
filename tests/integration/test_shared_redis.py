"""Two installations on one Redis by mistake: each hears of the other; a cursor without a name counts as one's own."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import pytest

from tests.integration.bare_stocks import add_stocks
from tests.integration.cursor_keys import OFFSET, POSITION
from tests.integration.doctor.examinations import OK, WARNING, assert_found, examined
from tests.integration.statements import recorded_statements
from tests.integration.unreadable import make_unreadable
from tests.world import World, migrate_database
from vettr_cron.repositories import marks

WARNS = "the cursor was last moved through another database's stocks"


@pytest.fixture
def ours(world: World) -> World:
    add_stocks(world, 30)
    return world


@pytest.fixture
def theirs(sqlite_url: str, tmp_path_factory: pytest.TempPathFactory, redis_url: str) -> Iterator[World]:
    """Another installation, on another database and the same Redis."""
    url = f"sqlite:///{tmp_path_factory.mktemp('theirs') / 'vettr.db'}"
    migrate_database(url)
    with closing(World.make(url, redis_url)) as world:
        add_stocks(world, 30)
        yield world


def database_id(world: World) -> str:
    (row,) = world.table("cron_marks")
    assert row["name"] == marks.DATABASE_ID
    return str(row["value"])


def test_the_first_call_gives_the_database_its_id(ours: World) -> None:
    assert not ours.table("cron_marks")
    assert "warning" not in ours.data("scores?chunk_size=10")
    first = database_id(ours)
    assert ours.redis.hget(POSITION, "database") == first
    for path in ("scores?chunk_size=10", "scores", "scores?chunk_size=10", "red-flags"):  # across the cycle's end
        assert "warning" not in ours.data(path)
        assert (database_id(ours), ours.redis.hget(POSITION, "database")) == (first, first)


def test_later_calls_only_read_the_databases_id(ours: World) -> None:
    ours.data("scores?chunk_size=10")
    with recorded_statements(ours) as statements:
        ours.data("scores?chunk_size=10")
    assert not [statement for statement in statements if "INSERT INTO cron_marks" in statement]


def test_a_database_that_keeps_no_id_is_none_that_could_be_told_from_others(ours: World) -> None:
    keep_no_marks(ours)
    for path in ("scores?chunk_size=10", "scores?chunk_size=10"):
        result = ours.data(path)
        assert (result["succeeded"], "warning" in result) == (10, False)
    assert not ours.table("cron_marks")


def keep_no_marks(world: World) -> None:
    """The database accepts what is noted, and silently drops it."""
    if world.database_url.startswith("postgresql"):
        world.execute("CREATE FUNCTION drop_row() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NULL; END $$")
        world.execute("CREATE TRIGGER dropped BEFORE INSERT ON cron_marks FOR EACH ROW EXECUTE FUNCTION drop_row()")
    else:
        world.execute("CREATE TRIGGER dropped BEFORE INSERT ON cron_marks BEGIN SELECT RAISE(IGNORE); END")


def test_a_place_that_was_taken_over_and_never_left_is_known_as_another_databases(ours: World, theirs: World) -> None:
    """Another program has set the offset, and our first call from there could not read its stocks."""
    ours.redis.set(OFFSET, "10")
    make_unreadable(ours, ours.tickers())
    assert ours.call("scores?chunk_size=10").status_code == 500
    assert WARNS in theirs.data("scores?chunk_size=10")["warning"]


def test_both_warnings_are_given_of_a_strange_offset_in_another_databases_cursor(ours: World, theirs: World) -> None:
    theirs.data("scores?chunk_size=10")
    ours.redis.set(OFFSET, "garbage")
    warning = ours.data("scores?chunk_size=10")["warning"]
    assert "a new cycle starts at 0" in warning
    assert WARNS in warning


def test_callers_at_once_agree_on_the_id(ours: World) -> None:
    def keep(number: int) -> str | None:
        with ours.write() as connection:
            return marks.keep(connection, marks.DATABASE_ID, str(number))

    with ThreadPoolExecutor(4) as executor:
        assert set(executor.map(keep, range(8))) == {database_id(ours)}


@pytest.mark.parametrize("stocks", [10, 100])
def test_each_hears_of_the_other_and_nothing_else_changes(ours: World, theirs: World, stocks: int) -> None:
    cycle = theirs.data(f"scores?chunk_size={stocks}")["cycle_id"]
    assert_found(ours_with_flags(ours), "schedule-scores", WARNING, WARNS[4:], "a Redis database of its own")
    result = ours.data("scores?chunk_size=10")
    assert WARNS in result["warning"]
    assert result["succeeded"] == 10
    if stocks == 10:
        assert (result["cycle_id"], result["chunk_info"]["current_offset"]) == (cycle, 10)
    assert "warning" not in ours.data("scores?chunk_size=5")
    assert examined(ours)["schedule-scores"]["state"] == OK
    assert WARNS in theirs.data("scores?chunk_size=5")["warning"]


def ours_with_flags(world: World) -> World:
    """The service after calls of its own, so that the doctor finds nothing else."""
    position = world.redis.hgetall(POSITION)
    offset = world.redis.get("cron:scores:offset")
    world.data("refresh-all?chunks=all")
    world.data("reset?job=scores")
    world.redis.set("cron:scores:offset", str(offset))
    world.redis.hset(POSITION, mapping={str(name): str(value) for name, value in position.items()})
    return world


def test_a_cursor_of_an_older_release_counts_as_ours(ours: World) -> None:
    ours.data("scores?chunk_size=10")
    ours.redis.hdel(POSITION, "database")
    assert "warning" not in ours.data("scores?chunk_size=10")
    ours.data("scores?chunk_size=10")
    ours.redis.hset(POSITION, "database", "")
    assert "warning" not in ours.data("scores?chunk_size=10")
