"""Brings stocks into the database: from a folder of CSV files, from the demo, or from the generator."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import date
from itertools import islice
from pathlib import Path

from sqlalchemy import Connection

from vettr_cron.database.transactions import Database
from vettr_cron.datasets.csv_files import FolderSummary, check_folder, read_table, size_of
from vettr_cron.datasets.demo import FOLDER, as_in_the_files, demo_rows, demo_stock_ids
from vettr_cron.datasets.generator import pieces
from vettr_cron.datasets.importable import TABLES
from vettr_cron.datasets.row_ids import RowIds, stock_id
from vettr_cron.domain.errors import CronError, RowsRefused
from vettr_cron.models.types import Row
from vettr_cron.repositories import input_rows, marks, universe
from vettr_cron.repositories.bulk import check_constraints

PIECE = 1_000

Written = Callable[[int], None]
"""Told after each piece how many more rows are written."""


class UniverseRefused(CronError):
    """Made-up stocks and others must not be mixed unasked."""


class Universe:
    """The use cases behind `stocks import`, `stocks demo` and `stocks generate`."""

    def __init__(self, database: Database, demo_folder: Path = FOLDER) -> None:
        self._database = database
        self._demo_folder = demo_folder

    def count(self) -> int:
        """How many stocks there are."""
        with self._database.reading() as connection:
            return universe.count(connection)

    def refuse_to_mix(self, mix: bool) -> None:
        """Raises UniverseRefused if there are made-up stocks, unless the imported ones are to join them."""
        with self._database.reading() as connection:
            _refuse_to_mix(connection, mix)

    def size_of(self, folder: Path) -> int:
        """How many bytes `check` reads."""
        return size_of(folder)

    def check(self, folder: Path, progress: Written = lambda _: None) -> FolderSummary:
        """Read the whole folder and refuse it with every place where it is wrong. Raises ImportRefused.

        `progress` is told how many bytes more were read.
        """
        return check_folder(folder, self._known_tickers, progress)

    def load(self, summary: FolderSummary, written: Written, *, mix: bool = False) -> None:
        """Write a checked folder in one transaction; rows that are there are updated.

        Raises RowsRefused, and UniverseRefused if there are made-up stocks, unless these are to `mix`.
        """
        with self._whole() as connection:
            _refuse_to_mix(connection, mix)
            if input_rows.is_empty(connection, "stocks"):
                marks.remove(connection, marks.STOCKS_FROM)
            for table in summary.rows:
                rows = _imported(connection, summary.folder, table)
                _write_all(connection, table, rows, written, identity=TABLES[table].key[1:])

    def load_demo(self, today: date, written: Written) -> Mapping[str, int]:
        """Write the demo as of today, anew if it is there. Raises UniverseRefused when there are other stocks."""
        with self._whole() as connection:
            present = input_rows.all_stock_ids(connection)
            if present - demo_stock_ids(self._demo_folder):
                raise UniverseRefused(
                    f"There are {len(present)} stocks here already; the demo only goes into an empty database"
                )
            marks.put(connection, marks.STOCKS_FROM, "stocks demo")
            counts: dict[str, int] = {}
            for table in TABLES:
                if present and table == "stock_daily_prices":
                    # A price may move on to a day that another one still holds, which is written only later.
                    for piece in _in_pieces(self._demo_as_imported(connection, table, today)):
                        input_rows.delete_moved_prices(connection, piece)
                count = _write_all(connection, table, self._demo_as_imported(connection, table, today), written)
                counts |= {table: count} if count else {}
            return counts

    def generate(self, count: int, seed: int, today: date, *, add: bool, written: Written) -> None:
        """Write a fictional universe, a transaction a piece. Raises UniverseRefused when there are stocks already."""
        present = self.count()
        if present and not add:
            raise UniverseRefused(
                f"There are {present} stocks here already; with --add the fictional ones join them, "
                "and overwrite those with the same ticker"
            )
        for piece in pieces(count, seed, today):
            with self._database.writing() as connection:
                marks.put(connection, marks.STOCKS_FROM, "stocks generate")
                for table, rows in piece.items():
                    input_rows.write(connection, table, rows)
                check_constraints(connection)
            written(len(piece["stocks"]))

    @contextmanager
    def _whole(self) -> Iterator[Connection]:
        try:
            with self._database.importing() as connection:
                yield connection
                check_constraints(connection)
        except RowsRefused as error:
            raise RowsRefused(f"{error}; nothing was written") from error

    def _demo_as_imported(self, connection: Connection, table: str, today: date) -> Iterator[Row]:
        """The demo's rows, with the ids that an import of its folder gave the same rows."""
        ids = RowIds(TABLES[table])
        rows = demo_rows(table, today, self._demo_folder)
        if table == "stocks":
            yield from rows
            return
        for piece in _in_pieces(rows):
            for row in input_rows.of_stocks(connection, table, piece):
                imported_id, _, _ = ids.by_stock(as_in_the_files(row, today), row["stock_id"])
                yield {**row, "former_id": imported_id}

    def _known_tickers(self, tickers: set[str]) -> set[str]:
        with self._database.reading() as connection:
            return input_rows.known_tickers(connection, tickers)


def _refuse_to_mix(connection: Connection, mix: bool) -> None:
    made_by = marks.find(connection, marks.STOCKS_FROM)
    present = universe.count(connection) if made_by and not mix else 0
    if present:
        raise UniverseRefused(
            f"There are {present} stocks here already, some of them from `{made_by}`; with --mix the imported ones "
            "join them, and overwrite those with the same ticker"
        )


def _imported(connection: Connection, folder: Path, table: str) -> Iterator[Row]:
    """The rows of a file with the ids that derive from their stocks', and those that release 1.0 gave them."""
    ids = RowIds(TABLES[table])
    for piece in _in_pieces(read_table(folder, table)):
        if table == "stocks":
            yield from ({"id": stock_id(str(row["ticker"])), **row} for row in piece)
            continue
        for row in input_rows.of_stocks(connection, table, piece):
            row_id, former_id, occurrence = ids.by_stock(row, row["stock_id"])
            yield {"id": row_id, "former_id": former_id, "occurrence": occurrence, **row}


def _write_all(
    connection: Connection, table: str, rows: Iterator[Row], written: Written, identity: Sequence[str] = ()
) -> int:
    total = 0
    # The rows of one source differ from each other, so in an empty table they are all new.
    all_new = input_rows.is_empty(connection, table)
    for piece in _in_pieces(rows):
        input_rows.write(connection, table, piece, identity, all_new=all_new)
        written(len(piece))
        total += len(piece)
    return total


def _in_pieces(rows: Iterable[Row]) -> Iterator[list[Row]]:
    iterator = iter(rows)
    while piece := list(islice(iterator, PIECE)):
        yield piece
