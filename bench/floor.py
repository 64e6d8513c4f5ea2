"""The floor: reads and writes the same rows with one connection, in one transaction, without computing or Redis."""

import sqlite3
import time
from collections.abc import Sequence
from typing import Any

import psycopg

INPUTS = (
    "stocks",
    "executives",
    "filings",
    "financial_data",
    "financial_summary",
    "short_interest",
    "analyst_consensus",
    "insider_transactions",
    "stock_daily_prices",
)
RESULTS = ("vetr_score_history", "red_flag_history")


class PostgresFloor:
    """Measures the floor on a PostgreSQL database that holds the results of one whole cycle."""

    def __init__(self, url: str) -> None:
        self._url = url
        with psycopg.connect(url) as connection:
            self._rows = {table: _columns_and_rows(connection, f"SELECT * FROM {table}") for table in RESULTS}
            self._snapshots = _columns_and_rows(connection, "SELECT * FROM vetr_score_snapshots")
            self._scores = connection.execute("SELECT id, vetr_score FROM stocks").fetchall()

    def seconds(self) -> float:
        """One pass: read every input table, write every result row."""
        with psycopg.connect(self._url) as connection:
            connection.execute("SELECT 1")
            started = time.perf_counter()
            for table in INPUTS:
                connection.execute(f"SELECT * FROM {table}").fetchall()
            for table, (names, rows) in self._rows.items():
                columns = ", ".join(names[1:])  # a new id each time
                with connection.cursor().copy(f"COPY {table} ({columns}) FROM STDIN") as copy:
                    for row in rows:
                        copy.write_row(row[1:])
            self._write_snapshots(connection)
            ids, scores = [row[0] for row in self._scores], [row[1] for row in self._scores]
            connection.execute(
                "UPDATE stocks SET vetr_score = new.score FROM unnest(%s::uuid[], %s::int[]) AS new(id, score)"
                " WHERE stocks.id = new.id",
                (ids, scores),
            )
            connection.commit()
            return time.perf_counter() - started

    def _write_snapshots(self, connection: "psycopg.Connection[Any]") -> None:
        names, rows = self._snapshots
        columns = ", ".join(names)
        connection.execute("CREATE TEMPORARY TABLE new_snapshots (LIKE vetr_score_snapshots) ON COMMIT DROP")
        with connection.cursor().copy(f"COPY new_snapshots ({columns}) FROM STDIN") as copy:
            for row in rows:
                copy.write_row(row)
        replaced = ", ".join(f"{name} = excluded.{name}" for name in names[1:])
        connection.execute(
            f"INSERT INTO vetr_score_snapshots ({columns}) SELECT {columns} FROM new_snapshots"
            f" ON CONFLICT (stock_ticker, recorded_at) DO UPDATE SET {replaced}"
        )


class SqliteFloor:
    """The same with sqlite3 and executemany."""

    def __init__(self, path: str) -> None:
        self._path = path
        with sqlite3.connect(path) as connection:
            tables = (*RESULTS, "vetr_score_snapshots")
            self._rows = {table: _columns_and_rows(connection, f"SELECT * FROM {table}") for table in tables}
            self._scores = connection.execute("SELECT vetr_score, id FROM stocks").fetchall()

    def seconds(self) -> float:
        """One pass: read every input table, write every result row."""
        connection = sqlite3.connect(self._path)
        try:
            started = time.perf_counter()
            for table in INPUTS:
                connection.execute(f"SELECT * FROM {table}").fetchall()
            for table, (names, rows) in self._rows.items():
                self._write(connection, table, names, rows)
            connection.executemany("UPDATE stocks SET vetr_score = ? WHERE id = ?", self._scores)
            connection.commit()
            return time.perf_counter() - started
        finally:
            connection.close()

    def _write(self, connection: sqlite3.Connection, table: str, names: Sequence[str], rows: Sequence[Any]) -> None:
        kept = names[1:] if table in RESULTS else names
        values = [row[1:] for row in rows] if table in RESULTS else rows
        marks = ", ".join("?" for _ in kept)
        conflict = ""
        if table not in RESULTS:
            replaced = ", ".join(f"{name} = excluded.{name}" for name in names[1:])
            conflict = f" ON CONFLICT (stock_ticker, recorded_at) DO UPDATE SET {replaced}"
        connection.executemany(f"INSERT INTO {table} ({', '.join(kept)}) VALUES ({marks}){conflict}", values)


def _columns_and_rows(connection: Any, statement: str) -> tuple[list[str], list[Any]]:
    cursor = connection.execute(statement)
    names = [column[0] for column in cursor.description]
    return names, cursor.fetchall()
