"""What the service writes on this machine is for its own user."""

import stat
from contextlib import closing
from pathlib import Path

from tests.world import World, migrate_database
from vettr_cron.database.sqlite import make_private


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_a_new_sqlite_file_and_those_beside_it(tmp_path: Path, redis_url: str) -> None:
    path = tmp_path / "new.db"
    migrate_database(f"sqlite:///{path}")
    with closing(World.make(f"sqlite:///{path}", redis_url)) as world:
        world.execute("UPDATE cron_marks SET value = value")
        found = {each.name: mode(each) for each in tmp_path.iterdir()}
    assert found.keys() >= {"new.db", "new.db-wal", "new.db-shm"}
    assert set(found.values()) == {0o600}


def test_a_file_that_is_there_keeps_its_mode(tmp_path: Path) -> None:
    path = tmp_path / "shared.db"
    path.touch(0o660)
    path.chmod(0o660)
    migrate_database(f"sqlite:///{path}")
    assert mode(path) == 0o660


def test_the_folder_of_the_instance(tmp_path: Path) -> None:
    old, new = tmp_path / "old", tmp_path / "new"
    old.mkdir(mode=0o755)
    for folder in (old, new):
        make_private(folder)
        assert mode(folder) == 0o700
