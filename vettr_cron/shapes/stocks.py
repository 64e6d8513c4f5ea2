"""Stocks that were found, and everything about one."""

from collections.abc import Mapping, Sequence
from math import isfinite
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, WithJsonSchema, create_model

from vettr_cron.jobs.job import Job
from vettr_cron.repositories import stock_search
from vettr_cron.repositories.states import Freshness
from vettr_cron.services.monitor import stocks as service
from vettr_cron.shapes.monitor import LoggedTime, StockState
from vettr_cron.shapes.shape import Count, Shape, of_jobs


def _finite(value: Any) -> Any:
    return value if isinstance(value, int | float) and isfinite(value) else None


Figure = Annotated[Any, BeforeValidator(_finite), WithJsonSchema({"type": "number"})]
"""A figure of a table; null stands for whatever is not a finite number, which JSON lacks."""
Value = Annotated[Any, WithJsonSchema({})]


class FoundStock(Shape):
    """A stock that was found."""

    ticker: str = Field(description="Its ticker, as it is written", examples=["ACME"])
    name: str | None = Field(description="Its name; null if the table has none", examples=["Acme Mining Inc."])
    exchange: str | None = Field(description="Its exchange; null if the table has none", examples=["TSX"])
    sector: str | None = Field(description="Its sector; null if the table has none", examples=["Mining"])
    vetr_score: Figure | None = Field(description="Its last score; null if it has none", examples=[61])


class FoundStocks(Shape):
    """The stocks that were found."""

    stocks: list[FoundStock] = Field(
        description="First the stock with exactly this ticker, then those whose ticker begins so, then those whose "
        "name contains it; each by ticker"
    )
    total: Count = Field(description="How many stocks are in this reply", examples=[20])


class Answer(Shape):
    """What the platform's API reads of a stock from Redis."""

    source: service.Source = Field(
        description="cached: as Redis has it; computed: Redis has none, and the rules were applied now, nothing written"
    )
    value: Value = Field(description="The answer's JSON; null if it cannot be computed")
    error: str | None = Field(description="Why it cannot be computed, as a run would say; null if it can")


class StockOfJob(StockState):
    """A job's latest outcomes for one stock, and its answer."""

    freshness: Freshness = Field(
        description="fresh: refreshed within CRON_FRESH_WITHIN; stale: longer ago; never: not under this ticker"
    )
    answer: Answer


class Snapshot(Shape):
    """A day's score and its pillars."""

    at: LoggedTime = Field(description="The day's beginning, UTC")
    score: Figure | None = Field(description="The day's last score", examples=[61])
    price: Figure | None = Field(description="The price that it was computed with; null if unknown", examples=[1.5])
    financial_survival: Figure | None = Field(description="The pillar's score", examples=[70])
    operational_efficiency: Figure | None = Field(description="The pillar's score", examples=[50])
    shareholder_structure: Figure | None = Field(description="The pillar's score", examples=[64])
    market_sentiment: Figure | None = Field(description="The pillar's score", examples=[55])


class Flag(Shape):
    """One red flag."""

    flag_type: str = Field(description="Which flag", examples=["debt_trend"])
    severity: str = Field(description="Low, Moderate, High or Critical", examples=["Moderate"])
    score: Figure | None = Field(description="Its score, 0 to 100", examples=[50])


class Detection(Shape):
    """The red flags that were detected at one time."""

    at: LoggedTime = Field(description="When, UTC")
    flags: list[Flag] = Field(description="The flags, the highest score first")


class Input(Shape):
    """What a table has of a stock."""

    table: str = Field(description="The table", examples=["filings"])
    rows: Count = Field(description="How many rows the stock has in it", examples=[12])
    newest: LoggedTime | None = Field(description="The newest row's time, UTC; null without one")


@of_jobs
def stock_shape(jobs: tuple[Job, ...]) -> type[Shape]:
    """One stock, with what each job knows of it."""
    described = "What each job knows of the stock, by the job's key."
    fields: dict[str, Any] = {job.key: (StockOfJob, ...) for job in jobs}
    by_key: Any = create_model("StockOfJobs", __base__=Shape, __doc__=described, **fields)

    class Stock(FoundStock):
        """One stock: what each job knows of it, its results over time, and how new its inputs are."""

        price: Figure | None = Field(description="Its price; null if unknown", examples=[1.5])
        market_cap: Figure | None = Field(description="Its market capitalization; null if unknown", examples=[1e8])
        jobs: by_key
        scores: list[Snapshot] = Field(
            max_length=service.MOST_SNAPSHOTS,
            description=f"The daily scores, newest first; at most {service.MOST_SNAPSHOTS}",
        )
        red_flags: list[Detection] = Field(
            max_length=service.MOST_DETECTIONS,
            description=f"The detections, newest first; at most {service.MOST_DETECTIONS}",
        )
        inputs: list[Input] | None = Field(
            description="What each table that the rules read has of the stock; null if the database cannot read it"
        )

    return Stock


def found_stocks(found: Sequence[stock_search.FoundStock]) -> FoundStocks:
    """The stocks that were found."""
    return FoundStocks(stocks=[FoundStock.of(stock) for stock in found], total=len(found))


def stock(found: service.OneStock, jobs: Mapping[str, Job]) -> Shape:
    """One stock."""
    known = {
        key: StockOfJob.of(each.state, freshness=each.freshness, answer=each.answer) for key, each in found.jobs.items()
    }
    lists = {"scores": found.scores, "red_flags": found.red_flags, "inputs": found.inputs}
    return stock_shape(jobs).of(found.row, jobs=known, **lists)
