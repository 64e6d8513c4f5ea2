"""Folders of CSV files for tests, and what checking them says."""

from pathlib import Path

import pytest

from vettr_cron.datasets.csv_files import FolderSummary, check_folder, read_table
from vettr_cron.datasets.refusal import ImportRefused
from vettr_cron.models.types import Row

PRICES_HEADER = "ticker,date,close\n"
STOCKS = "ticker,name,exchange,sector\nAAA,Alpha,NYSE,Gold\nBBB,Beta,NYSE,Software\n"


def write(folder: Path, **files: str | bytes) -> Path:
    """One file a table; stocks.csv with AAA and BBB is there unless another is given."""
    for table, content in ({"stocks": STOCKS} | files).items():
        (folder / f"{table}.csv").write_bytes(content if isinstance(content, bytes) else content.encode())
    return folder


def check(folder: Path, **files: str | bytes) -> FolderSummary:
    """Nothing is in the database yet."""
    return check_folder(write(folder, **files), known_tickers=lambda _: set())


def refusal(folder: Path, **files: str | bytes) -> str:
    """The whole text of the error."""
    with pytest.raises(ImportRefused) as refused:
        check(folder, **files)
    return str(refused.value)


def rows(folder: Path, table: str, content: str | bytes) -> list[Row]:
    """The rows of one table, checked before."""
    check(folder, **{table: content})
    return list(read_table(folder, table))
