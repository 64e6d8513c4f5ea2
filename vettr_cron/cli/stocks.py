"""flask --app wsgi stocks ...: load stocks into the database."""

from pathlib import Path

import click

from vettr_cron.cli.errors import CommandGroup, report_errors
from vettr_cron.cli.output import echo
from vettr_cron.cli.progress import amount
from vettr_cron.registry import services
from vettr_cron.services.clock import utc_now

stocks = CommandGroup("stocks", help="Load stocks into the database.")


@stocks.command("import")
@click.argument("path", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--mix", is_flag=True, help="Join stocks of `stocks demo` or `stocks generate` that are there.")
@report_errors
def import_folder(path: Path, mix: bool) -> None:
    """Import a folder of CSV files, named and headed like the tables, with `ticker` in place of stock_id.

    Everything is checked before anything is written; existing rows are updated.
    """
    universe = services().universe
    universe.refuse_to_mix(mix)
    with amount("checking", universe.size_of(path)) as progress:
        summary = universe.check(path, progress)
    with amount("importing", summary.total) as written:
        universe.load(summary, written, mix=mix)
    for table, rows in summary.rows.items():
        echo(f"{table}: {rows} rows")


@stocks.command()
@click.option("--if-empty", is_flag=True, help="Do nothing if there are stocks already.")
@report_errors
def demo(if_empty: bool) -> None:
    """Load 1 572 US companies of 2017, with dates moved to the present (sources: vettr_cron/datasets/us_2017)."""
    universe = services().universe
    present = universe.count() if if_empty else 0
    if present:
        echo(f"There are {present} stocks.")
        return
    counts = universe.load_demo(utc_now().date(), lambda _: None)
    echo(f"Loaded the demo: {', '.join(f'{rows} {table}' for table, rows in counts.items())}.")


@stocks.command()
@click.option("--count", type=click.IntRange(1, 10_000_000), required=True, help="How many stocks.")
@click.option("--seed", type=int, default=1, show_default=True, help="Each seed makes different stocks.")
@click.option("--add", is_flag=True, help="Add to the existing stocks; one with the same ticker is overwritten.")
@report_errors
def generate(count: int, seed: int, add: bool) -> None:
    """Generate plausible fictional stocks, with all input tables filled, for tests and load."""
    with amount("generating", count) as written:
        services().universe.generate(count, seed, utc_now().date(), add=add, written=written)
    echo(f"Generated {count} stocks with seed {seed}.")
