"""The demo with a few of its stocks, where the number of rows does not matter."""

import csv
from pathlib import Path

from vettr_cron.datasets.demo import FOLDER

STOCKS = 60


def write_small_demo(folder: Path) -> Path:
    """Files like the demo's, with all rows of stocks from the whole alphabet; of prices more than one piece."""
    with (FOLDER / "stocks.csv").open(newline="") as file:
        tickers = [row["ticker"] for row in csv.DictReader(file)]
    chosen = set(tickers[:: len(tickers) // STOCKS][:STOCKS])
    for path in FOLDER.glob("*.csv"):
        with path.open(newline="") as file, (folder / path.name).open("w", newline="") as copy:
            header, *rows = csv.reader(file)
            csv.writer(copy).writerows([header, *(row for row in rows if row[0] in chosen)])
    return folder
