"""An import does not mix with made-up stocks unasked, as these do not mix with others."""

from datetime import date
from pathlib import Path

import pytest

from tests.integration.csv_imports import contents, import_files, refusal, write_folder
from tests.world import TODAY, World
from vettr_cron.services.operate.imports import Universe

FILES = {"stocks": "ticker,name,exchange,sector\nAAA,Alpha,NYSE,Gold\n"}


def _generate(world: World) -> None:
    world.services.universe.generate(3, 7, TODAY, add=True, written=lambda _: None)


def test_an_import_into_generated_stocks_is_refused_before_anything_is_read(world: World, tmp_path: Path) -> None:
    _generate(world)
    before = contents(world)
    text = refusal(import_files(world, tmp_path, {"stocks": "not,a,header\n"}))
    assert text == (
        "Error: There are 3 stocks here already, some of them from `stocks generate`; with --mix the imported ones "
        "join them, and overwrite those with the same ticker\n"
    )
    assert contents(world) == before


def test_stocks_that_were_made_up_between_check_and_load_are_not_mixed_either(world: World, tmp_path: Path) -> None:
    summary = world.services.universe.check(write_folder(tmp_path, FILES))
    _generate(world)
    with pytest.raises(Exception, match="some of them from `stocks generate`"):
        world.services.universe.load(summary, lambda _: None)
    assert len(world.tickers()) == 3


def test_with_mix_imported_stocks_join_made_up_ones(world: World, tmp_path: Path) -> None:
    _generate(world)
    command = ["stocks", "import", str(write_folder(tmp_path, FILES)), "--mix"]
    result = world.app.test_cli_runner().invoke(args=command)
    assert result.exit_code == 0, result.output
    assert len(world.tickers()) == 4
    # They are mixed now, so the next import is asked again.
    assert "some of them from `stocks generate`" in refusal(import_files(world, tmp_path, FILES))


def test_the_demo_is_marked_too_wherever_its_stocks_came_from(world: World, small_demo: Path, tmp_path: Path) -> None:
    assert world.app.test_cli_runner().invoke(args=["stocks", "import", str(small_demo)]).exit_code == 0
    Universe(world.services.database, small_demo).load_demo(date(2027, 1, 4), lambda _: None)
    assert "some of them from `stocks demo`" in refusal(import_files(world, tmp_path, FILES))


def test_once_the_made_up_stocks_are_gone_imports_are_free_again(world: World, tmp_path: Path) -> None:
    _generate(world)
    world.execute("DELETE FROM stocks")
    for _ in range(2):
        assert import_files(world, tmp_path, FILES).exit_code == 0
    assert world.tickers() == ["AAA"]


def test_stocks_without_a_mark_are_no_reason_to_refuse(world: World, tmp_path: Path) -> None:
    world.generate(3)  # as a release that left no mark
    assert import_files(world, tmp_path, FILES).exit_code == 0
    assert len(world.tickers()) == 4
