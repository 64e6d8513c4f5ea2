"""How much of a long piece of work is done, in a pipe: a line now and then."""

import io
from pathlib import Path

import pytest

from tests.unit.csv_folders import PRICES_HEADER, write
from vettr_cron.cli.progress import amount
from vettr_cron.datasets.csv_files import check_folder, size_of


def test_a_pipe_gets_a_line_now_and_then(capsys: pytest.CaptureFixture[str]) -> None:
    with amount("checking", 400, seconds=0) as done:
        for more in (100, 100, 199, 1):
            done(more)
    assert capsys.readouterr().out.splitlines() == [f"checking: {share} %" for share in (25, 50, 99, 100)]


def test_what_is_done_at_once_is_not_worth_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    with amount("checking", 400) as done:
        done(400)
    assert capsys.readouterr().out == ""


def test_a_terminal_gets_a_bar(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = io.StringIO()
    terminal.isatty = lambda: True  # type: ignore[method-assign]
    monkeypatch.setattr("sys.stdout", terminal)
    with amount("checking", 400) as done:
        done(200)
        done(200)
    assert "100%" in terminal.getvalue()


def test_the_check_tells_of_every_byte_in_small_steps(tmp_path: Path) -> None:
    days = "".join(
        f"AAA,{2000 + number // 336}-{number // 28 % 12 + 1:02}-{number % 28 + 1:02},1\n" for number in range(6000)
    )
    told: list[int] = []
    write(tmp_path, stock_daily_prices=PRICES_HEADER + days)
    (tmp_path / "notes.txt").write_text("not read")
    check_folder(tmp_path, lambda _: set(), told.append)
    assert sum(told) == size_of(tmp_path) == sum(file.stat().st_size for file in tmp_path.glob("*.csv"))
    assert max(told) < 30_000
