"""A folder of CSV files, one per table: checked completely before any row is written, then read as a stream."""

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from vettr_cron.datasets.csv_records import records
from vettr_cron.datasets.duplicates import Key, first_lines, key_of, seen_rows
from vettr_cron.datasets.importable import TABLES, ImportableTable
from vettr_cron.datasets.refusal import SHOWN, ImportRefused, Problem
from vettr_cron.models.types import Row

_PACKED = (".gz", ".bz2", ".xz", ".zst", ".zip", ".xlsx", ".xls", ".ods", ".tsv")

KnownTickers = Callable[[set[str]], set[str]]
"""Which of these tickers the database has already."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FolderSummary:
    """A folder without mistakes; `rows` has the row count of each table in it, in the order of writing."""

    folder: Path
    rows: Mapping[str, int]

    @property
    def total(self) -> int:
        """The total number of rows, for a progress bar."""
        return sum(self.rows.values())


def size_of(path: Path) -> int:
    """How many bytes `check_folder` reads, for a progress bar."""
    files = (path / table.file_name for table in TABLES.values())
    return sum(file.stat().st_size for file in files if file.is_file())


def check_folder(
    path: Path, known_tickers: KnownTickers, progress: Callable[[int], None] = lambda _: None
) -> FolderSummary:
    """Reads every file to its end, in constant memory except for the tickers and days seen.

    1. Every *.csv is one of the tables (other files, and names that begin with a dot, are ignored).
    2. Every row fits its table, and no row comes twice.
    3. Every ticker is in stocks.csv or, according to `known_tickers`, in the database.

    `progress` is told every now and then how many bytes more were read.
    Raises ImportRefused with the first problems of all files together.
    """
    check = _Check(path)
    rows = {table.name: check.rows_of(table, progress) for table in check.tables()}
    check.tickers(known_tickers)
    check.raise_if_any()
    return FolderSummary(folder=path, rows=rows)


def read_table(path: Path, table: str) -> Iterator[Row]:
    """The typed rows of one table of a checked folder; none if the folder has no such file.

    Columns that the header does not name are not in the rows. Raises ImportRefused if a line can no longer be read.
    """
    target = TABLES[table]
    file = path / target.file_name
    if not file.exists():
        return
    for _, row in records(file, target, report=_refuse_change):
        yield row


def _refuse_change(problem: Problem) -> None:
    raise ImportRefused([problem], total=1, outcome="the file has changed since it was checked")


def _packed(names: Collection[str]) -> Iterator[tuple[ImportableTable, str]]:
    """The tables without a CSV file whose rows seem to be in another file, and its name."""
    for table in TABLES.values():
        if table.file_name not in names:
            others = {f"{start}{end}" for start in (table.file_name, table.name) for end in _PACKED}
            yield from ((table, name) for name in names if name.lower() in others)


class _Check:
    """What is remembered while a folder is read: mistakes, the tickers of stocks.csv, and where others are named."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._problems: dict[str, list[Problem]] = {}
        self._total = 0
        self._stocks: set[str] = set()
        self._missing: dict[str, dict[str, int]] = {}

    def report(self, problem: Problem) -> None:
        self._total += 1
        of_file = self._problems.setdefault(problem.file, [])
        if len(of_file) < SHOWN:
            of_file.append(problem)

    def tables(self) -> list[ImportableTable]:
        try:
            names = sorted(entry.name for entry in self._path.iterdir())
        except OSError as error:
            self.report(Problem(file=str(self._path), text=f"cannot be read as a folder ({error.strerror})"))
            return []
        files = [table.file_name for table in TABLES.values()]
        for name in names:
            if name.lower().endswith(".csv") and not name.startswith(".") and name not in files:
                self.report(Problem(file=name, text=f"no table has this name (the files can be {', '.join(files)})"))
        for table, name in _packed(names):
            text = f"only {table.file_name} is read; unpack the file, or save it as CSV under that name"
            self.report(Problem(file=name, text=text))
        if not self._total and not set(names) & set(files):
            self.report(Problem(file=str(self._path), text=f"nothing to import (the files can be {', '.join(files)})"))
        return [table for table in TABLES.values() if table.file_name in names]

    def rows_of(self, table: ImportableTable, progress: Callable[[int], None]) -> int:
        """The number of good rows in the file; reports its mistakes and remembers its tickers."""
        seen = seen_rows(table)
        repeated: list[tuple[int, Key]] = []
        rows = 0
        for line, row in records(self._path / table.file_name, table, self.report, progress):
            rows += 1
            self._note_ticker(str(row["ticker"]), table, line)
            if seen.is_repeat(row):
                self._total += 1
                if len(repeated) < SHOWN:
                    repeated.append((line, key_of(row, table)))
        self._explain(repeated, table)
        return rows

    def _note_ticker(self, ticker: str, table: ImportableTable, line: int) -> None:
        if table.name == "stocks":
            self._stocks.add(ticker)
        elif ticker not in self._stocks:
            self._missing.setdefault(table.file_name, {}).setdefault(ticker, line)

    def _explain(self, repeated: list[tuple[int, Key]], table: ImportableTable) -> None:
        if not repeated:
            return
        first = first_lines(self._path / table.file_name, table, {key for _, key in repeated})
        self._total -= len(repeated)  # counted when they were found; reporting them counts them again
        for line, key in repeated:
            row, names = " ".join(str(part) for part in key), " and ".join(table.key)
            text = f"{row} is already in line {first.get(key, '?')} (one row for each {names})"
            self.report(Problem(file=table.file_name, line=line, text=text))

    def tickers(self, known_tickers: KnownTickers) -> None:
        if self._problems.get(TABLES["stocks"].file_name):
            return  # the stocks that seem to be missing may be the lines that could not be read
        missing = {ticker for named in self._missing.values() for ticker in named}
        unknown = missing - known_tickers(missing) if missing else missing
        for file, named in self._missing.items():
            for ticker, line in named.items():
                if ticker in unknown:
                    text = f"{ticker!r} is neither in stocks.csv nor in the database"
                    self.report(Problem(file=file, line=line, column="ticker", text=text))

    def raise_if_any(self) -> None:
        if self._total:
            by_file = (sorted(of_file, key=lambda each: each.line or 0) for of_file in self._problems.values())
            raise ImportRefused([problem for of_file in by_file for problem in of_file][:SHOWN], total=self._total)
