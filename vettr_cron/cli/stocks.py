"""flask --app wsgi stocks ...: load stocks into the database."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click

from vettr_cron.cli.errors import CommandGroup, report_errors
from vettr_cron.registry import services
from vettr_cron.services.clock import utc_now
from vettr_cron.services.operate.imports import Written

stocks = CommandGroup("stocks", help="Load stocks into the database.")


@stocks.command("import")
@click.argument("path", type=click.Path(exists=True, file_okay=False, path_type=Path))
@report_errors
def import_folder(path: Path) -> None:
    """Import a folder of CSV files, named and headed like the tables, with `ticker` in place of stock_id.

    Everything is checked before anything is written; existing rows are updated.
    """
    universe = services().universe
    summary = universe.check(path)
    with _bar("importing", summary.total) as written:
        universe.load(summary, written)
    for table, rows in summary.rows.items():
        click.echo(f"{table}: {rows} rows")


@stocks.command()
@click.option("--if-empty", is_flag=True, help="Do nothing if there are stocks already.")
@report_errors
def demo(if_empty: bool) -> None:
    """Load 1 572 US companies of 2017, with dates moved to the present (sources: vettr_cron/datasets/us_2017)."""
    universe = services().universe
    present = universe.count() if if_empty else 0
    if present:
        click.echo(f"There are {present} stocks.")
        return
    with _bar("loading the demo", None) as written:
        counts = universe.load_demo(utc_now().date(), written)
    click.echo(f"Loaded the demo: {', '.join(f'{rows} {table}' for table, rows in counts.items())}.")


@stocks.command()
@click.option("--count", type=click.IntRange(1, 10_000_000), required=True, help="How many stocks.")
@click.option("--seed", type=int, default=1, show_default=True, help="Each seed makes different stocks.")
@click.option("--add", is_flag=True, help="Add to the existing stocks; one with the same ticker is overwritten.")
@report_errors
def generate(count: int, seed: int, add: bool) -> None:
    """Generate plausible fictional stocks, with all input tables filled, for tests and load."""
    with _bar("generating", count) as written:
        services().universe.generate(count, seed, utc_now().date(), add=add, written=written)
    click.echo(f"Generated {count} stocks with seed {seed}.")


@contextmanager
def _bar(label: str, length: int | None) -> Iterator[Written]:
    if not sys.stdout.isatty() or length is None:
        yield lambda _count: None
        return
    with click.progressbar(length=length, label=label, show_pos=True) as bar:
        yield bar.update
