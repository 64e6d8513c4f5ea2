"""The tables that a dataset can fill, as data: which columns, what each may hold, what tells two rows apart."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from vettr_cron.datasets import values
from vettr_cron.datasets.values import NotAllowed

Row = dict[str, object]
"""One typed row: `id` and columns by name; `ticker` stands for the stock; values as the database takes them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """One importable column. An empty field is NULL, or what `when_empty` says: the field that it stands for."""

    name: str
    parse: Callable[[str], object]
    nullable: bool = True
    required: bool = False  # the header must name it
    when_empty: str | None = None

    def value(self, field: str) -> object:
        """The field's Python value. Outer blanks mean nothing; raises NotAllowed."""
        field = field.strip()
        if field:
            return self.parse(field)
        if self.when_empty is not None:
            return self.parse(self.when_empty)
        if self.nullable:
            return None
        advice = "" if self.required else ", or leave the column out"
        raise NotAllowed(f"empty (a value is needed{advice})")


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """One table. Rows with an equal `key` are the same row, unless it is `repeatable`: then they are counted."""

    name: str
    columns: tuple[Column, ...]
    key: tuple[str, ...]
    repeatable: bool = False

    @property
    def file_name(self) -> str:
        """What its file is called in a folder."""
        return f"{self.name}.csv"


NOT_IMPORTABLE: Mapping[str, str] = {
    "id": "rows are told apart by ticker and content, their ids derive from these",
    "stock_id": "name the stock in a column ticker",
    # A score without its history row, snapshot and cached answer would contradict all three.
    "vetr_score": "the scores job alone writes it",
}
"""Columns of the tables that no file may bring along, and why."""


def _text(name: str, length: int | None) -> Column:
    return Column(name=name, parse=values.text(length))


def _required_text(name: str, length: int, *, when_empty: str | None = None) -> Column:
    return Column(name=name, parse=values.text(length), nullable=False, required=True, when_empty=when_empty)


def _required(name: str, parse: Callable[[str], object]) -> Column:
    return Column(name=name, parse=parse, nullable=False, required=True)


def _doubles(*names: str) -> tuple[Column, ...]:
    return tuple(Column(name=name, parse=values.number) for name in names)


def _counts(*names: str, bounds: tuple[int, int] = values.INT64) -> tuple[Column, ...]:
    return tuple(Column(name=name, parse=values.whole(bounds)) for name in names)


def _written(*names: str) -> tuple[Column, ...]:
    """Times that default to now where a file does not bring them."""
    return tuple(Column(name=name, parse=values.moment, nullable=False) for name in names)


_TICKER = Column(name="ticker", parse=values.printable(20), nullable=False, required=True)

_ALL = (
    Table(
        name="stocks",
        key=("ticker",),
        columns=(
            _TICKER,
            _required_text("name", 255),
            # Not every source knows them, and NULL is not allowed: an empty text says "not known".
            _required_text("exchange", 50, when_empty=""),
            _required_text("sector", 100, when_empty=""),
            *_doubles("market_cap", "price", "price_change"),
            *_written("updated_at"),
        ),
    ),
    Table(
        name="executives",
        key=("ticker", "name", "title"),
        repeatable=True,
        columns=(
            _TICKER,
            _required_text("name", 255),
            _required_text("title", 255),
            _required("years_at_company", values.number),
            Column(name="previous_companies", parse=values.json_texts, when_empty="[]"),
            _text("education", 500),
            _text("specialization", 255),
            _text("social_linkedin", 500),
            _text("social_twitter", 500),
            *_written("created_at", "updated_at"),
        ),
    ),
    Table(
        name="filings",
        key=("ticker", "type", "title", "date"),
        repeatable=True,
        columns=(
            _TICKER,
            _required_text("type", 100),
            _required_text("title", 500),
            _required("date", values.moment),
            _text("summary", None),
            Column(name="is_material", parse=values.boolean, nullable=False, when_empty="false"),
            _text("source_url", 1000),
            *_written("created_at"),
        ),
    ),
    Table(
        name="financial_data",
        key=("ticker",),
        columns=(
            _TICKER,
            *_doubles("cash", "monthly_burn", "total_debt", "total_assets", "exploration_exp", "r_and_d_exp"),
            *_doubles("total_opex", "g_and_a_expense", "revenue"),
            *_counts("shares_current", "shares_1yr_ago", "insider_shares", "total_shares"),
            *_doubles("avg_vol_30d"),
            *_counts("days_since_last_pr", bounds=values.INT32),
            *_doubles("warrant_strike_price"),
            *_written("updated_at", "created_at"),
        ),
    ),
    Table(
        name="financial_summary",
        key=("ticker",),
        columns=(
            _TICKER,
            *_doubles("total_revenue", "gross_profit", "ebitda", "net_income", "operating_cash_flow"),
            *_doubles("free_cash_flow", "total_cash", "total_cash_per_share", "total_debt", "revenue_per_share"),
            *_doubles("gross_margins", "operating_margins", "ebitda_margins", "revenue_growth", "earnings_growth"),
            *_doubles("current_ratio", "quick_ratio"),
            *_counts("shares_outstanding", "float_shares"),
            _text("currency", 10),
            *_written("updated_at", "created_at"),
        ),
    ),
    Table(
        name="short_interest",
        key=("ticker",),
        columns=(
            _TICKER,
            *_counts("short_shares"),
            *_doubles("short_interest_pct", "days_to_cover_10d", "days_to_cover_30d", "days_to_cover_90d"),
            Column(name="report_date", parse=values.moment),
            *_written("updated_at", "created_at"),
        ),
    ),
    Table(
        name="analyst_consensus",
        key=("ticker",),
        columns=(
            _TICKER,
            *_counts("total_analysts", "buy_count", "hold_count", "sell_count", bounds=values.INT32),
            _text("consensus", 20),
            *_doubles("price_target", "price_target_high", "price_target_low"),
            Column(name="recommendation_trend", parse=values.json_value),
            *_written("updated_at", "created_at"),
        ),
    ),
    Table(
        name="insider_transactions",
        key=(
            "ticker",
            "filer_name",
            "filer_relation",
            "transaction_date",
            "transaction_text",
            "ownership",
            "shares",
            "value",
        ),
        repeatable=True,
        columns=(
            _TICKER,
            _required_text("filer_name", 255),
            _text("filer_relation", 100),
            _required("transaction_date", values.moment),
            _text("transaction_text", 500),
            _text("ownership", 5),
            *_counts("shares"),
            *_doubles("value"),
            *_written("created_at"),
        ),
    ),
    Table(
        name="stock_daily_prices",
        key=("ticker", "date"),
        columns=(
            _TICKER,
            _required("date", values.day),
            *_doubles("open", "high", "low", "close", "previous_close", "volume", "true_range"),
            *_written("created_at"),
        ),
    ),
)

TABLES: Mapping[str, Table] = {table.name: table for table in _ALL}
"""By name, in an order in which they can be written: stocks first."""
