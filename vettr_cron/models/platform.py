"""The platform's tables: names and types are the platform's; another application reads and writes the same rows."""

from datetime import date, datetime
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import BigInteger, ForeignKey, Index, String, Text, UniqueConstraint, desc, func
from sqlalchemy.orm import Mapped, mapped_column
from sqlalchemy.types import Double

from vettr_cron.extensions import Model
from vettr_cron.models.types import Id, Json, Timestamp


def _id() -> Mapped[UUID]:
    return mapped_column(Id, primary_key=True, default=uuid4)


def _stock_id(*, unique: bool = False) -> Mapped[UUID]:
    parent = ForeignKey("stocks.id", ondelete="CASCADE")
    return mapped_column(Id, parent, unique=unique or None, index=not unique or None)


def _text(length: int) -> Mapped[str]:
    return mapped_column(String(length))


def _optional_text(length: int) -> Mapped[str | None]:
    return mapped_column(String(length))


def _number() -> Mapped[float | None]:
    return mapped_column(Double)


def _count() -> Mapped[int | None]:
    return mapped_column(BigInteger)


def _written_at() -> Mapped[datetime]:
    return mapped_column(Timestamp, server_default=func.now())


class Stock(Model):
    """One stock of the universe; vetr_score is written by the scores job."""

    __tablename__ = "stocks"
    id: Mapped[UUID] = _id()
    ticker: Mapped[str] = mapped_column(String(20), unique=True)
    name: Mapped[str] = _text(255)
    exchange: Mapped[str] = mapped_column(String(50), index=True)
    sector: Mapped[str] = mapped_column(String(100), index=True)
    market_cap: Mapped[float | None] = _number()
    price: Mapped[float | None] = _number()
    price_change: Mapped[float | None] = _number()
    vetr_score: Mapped[int | None]
    updated_at: Mapped[datetime] = _written_at()


class Executive(Model):
    """An officer or director; years_at_company 0 means unknown."""

    __tablename__ = "executives"
    id: Mapped[UUID] = _id()
    stock_id: Mapped[UUID] = _stock_id()
    name: Mapped[str] = _text(255)
    title: Mapped[str] = _text(255)
    years_at_company: Mapped[float] = mapped_column(Double)
    previous_companies: Mapped[list[Any] | None] = mapped_column(Json, server_default="[]")
    education: Mapped[str | None] = _optional_text(500)
    specialization: Mapped[str | None] = _optional_text(255)
    social_linkedin: Mapped[str | None] = _optional_text(500)
    social_twitter: Mapped[str | None] = _optional_text(500)
    created_at: Mapped[datetime] = _written_at()
    updated_at: Mapped[datetime] = _written_at()


class Filing(Model):
    """A filing or press release."""

    __tablename__ = "filings"
    id: Mapped[UUID] = _id()
    stock_id: Mapped[UUID] = _stock_id()
    type: Mapped[str] = _text(100)
    title: Mapped[str] = _text(500)
    date: Mapped[datetime] = mapped_column(Timestamp, index=True)
    summary: Mapped[str | None] = mapped_column(Text)
    is_material: Mapped[bool] = mapped_column(server_default="false")
    source_url: Mapped[str | None] = _optional_text(1000)
    created_at: Mapped[datetime] = _written_at()


class FinancialData(Model):
    """The newest annual figures, at most one row per stock."""

    __tablename__ = "financial_data"
    id: Mapped[UUID] = _id()
    stock_id: Mapped[UUID] = _stock_id(unique=True)
    cash: Mapped[float | None] = _number()
    monthly_burn: Mapped[float | None] = _number()
    total_debt: Mapped[float | None] = _number()
    total_assets: Mapped[float | None] = _number()
    exploration_exp: Mapped[float | None] = _number()
    r_and_d_exp: Mapped[float | None] = _number()
    total_opex: Mapped[float | None] = _number()
    g_and_a_expense: Mapped[float | None] = _number()
    revenue: Mapped[float | None] = _number()
    shares_current: Mapped[int | None] = _count()
    shares_1yr_ago: Mapped[int | None] = _count()
    insider_shares: Mapped[int | None] = _count()
    total_shares: Mapped[int | None] = _count()
    avg_vol_30d: Mapped[float | None] = _number()
    days_since_last_pr: Mapped[int | None]
    warrant_strike_price: Mapped[float | None] = _number()
    updated_at: Mapped[datetime] = _written_at()
    created_at: Mapped[datetime] = _written_at()


class FinancialSummary(Model):
    """The summary figures of a data vendor, at most one row per stock."""

    __tablename__ = "financial_summary"
    id: Mapped[UUID] = _id()
    stock_id: Mapped[UUID] = _stock_id(unique=True)
    total_revenue: Mapped[float | None] = _number()
    gross_profit: Mapped[float | None] = _number()
    ebitda: Mapped[float | None] = _number()
    net_income: Mapped[float | None] = _number()
    operating_cash_flow: Mapped[float | None] = _number()
    free_cash_flow: Mapped[float | None] = _number()
    total_cash: Mapped[float | None] = _number()
    total_cash_per_share: Mapped[float | None] = _number()
    total_debt: Mapped[float | None] = _number()
    revenue_per_share: Mapped[float | None] = _number()
    gross_margins: Mapped[float | None] = _number()
    operating_margins: Mapped[float | None] = _number()
    ebitda_margins: Mapped[float | None] = _number()
    revenue_growth: Mapped[float | None] = _number()
    earnings_growth: Mapped[float | None] = _number()
    current_ratio: Mapped[float | None] = _number()
    quick_ratio: Mapped[float | None] = _number()
    shares_outstanding: Mapped[int | None] = _count()
    float_shares: Mapped[int | None] = _count()
    currency: Mapped[str | None] = _optional_text(10)
    updated_at: Mapped[datetime] = _written_at()
    created_at: Mapped[datetime] = _written_at()


class ShortInterest(Model):
    """The newest short interest report, at most one row per stock."""

    __tablename__ = "short_interest"
    id: Mapped[UUID] = _id()
    stock_id: Mapped[UUID] = _stock_id(unique=True)
    short_shares: Mapped[int | None] = _count()
    short_interest_pct: Mapped[float | None] = _number()
    days_to_cover_10d: Mapped[float | None] = _number()
    days_to_cover_30d: Mapped[float | None] = _number()
    days_to_cover_90d: Mapped[float | None] = _number()
    report_date: Mapped[datetime | None] = mapped_column(Timestamp)
    updated_at: Mapped[datetime] = _written_at()
    created_at: Mapped[datetime] = _written_at()


class AnalystConsensus(Model):
    """The consensus of the analysts, at most one row per stock."""

    __tablename__ = "analyst_consensus"
    id: Mapped[UUID] = _id()
    stock_id: Mapped[UUID] = _stock_id(unique=True)
    total_analysts: Mapped[int | None]
    buy_count: Mapped[int | None]
    hold_count: Mapped[int | None]
    sell_count: Mapped[int | None]
    consensus: Mapped[str | None] = _optional_text(20)
    price_target: Mapped[float | None] = _number()
    price_target_high: Mapped[float | None] = _number()
    price_target_low: Mapped[float | None] = _number()
    recommendation_trend: Mapped[Any | None] = mapped_column(Json)
    updated_at: Mapped[datetime] = _written_at()
    created_at: Mapped[datetime] = _written_at()


class InsiderTransaction(Model):
    """One reported transaction of an insider."""

    __tablename__ = "insider_transactions"
    id: Mapped[UUID] = _id()
    stock_id: Mapped[UUID] = _stock_id()
    filer_name: Mapped[str] = _text(255)
    filer_relation: Mapped[str | None] = _optional_text(100)
    transaction_date: Mapped[datetime] = mapped_column(Timestamp, index=True)
    transaction_text: Mapped[str | None] = _optional_text(500)
    ownership: Mapped[str | None] = _optional_text(5)
    shares: Mapped[int | None] = _count()
    value: Mapped[float | None] = _number()
    created_at: Mapped[datetime] = _written_at()


class StockDailyPrice(Model):
    """One trading day of one ticker."""

    __tablename__ = "stock_daily_prices"
    id: Mapped[UUID] = _id()
    stock_id: Mapped[UUID] = _stock_id()
    ticker: Mapped[str] = _text(20)
    date: Mapped[date]
    open: Mapped[float | None] = _number()
    high: Mapped[float | None] = _number()
    low: Mapped[float | None] = _number()
    close: Mapped[float | None] = _number()
    previous_close: Mapped[float | None] = _number()
    volume: Mapped[float | None] = _number()
    true_range: Mapped[float | None] = _number()
    created_at: Mapped[datetime] = _written_at()
    # The constraint's own index serves lookups by ticker and date.
    __table_args__ = (UniqueConstraint("ticker", "date"),)


class VetrScoreHistory(Model):
    """One score of one stock: every figure behind it, and when it was calculated."""

    __tablename__ = "vetr_score_history"
    id: Mapped[UUID] = _id()
    stock_ticker: Mapped[str] = mapped_column(String(20), index=True)
    overall_score: Mapped[int]
    financial_survival_score: Mapped[int] = mapped_column(server_default="0")
    operational_efficiency_score: Mapped[int] = mapped_column(server_default="0")
    shareholder_structure_score: Mapped[int] = mapped_column(server_default="0")
    market_sentiment_score: Mapped[int] = mapped_column(server_default="0")
    cash_runway_score: Mapped[int | None]
    solvency_score: Mapped[int | None]
    efficiency_score: Mapped[int | None]
    pedigree_sub_score: Mapped[int | None]
    dilution_penalty_score: Mapped[int | None]
    insider_alignment_score: Mapped[int | None]
    sedi_insider_score: Mapped[int | None]
    warrant_overhang_score: Mapped[int | None]
    liquidity_score: Mapped[int | None]
    news_velocity_score: Mapped[int | None]
    technical_momentum_score: Mapped[int | None]
    short_squeeze_score: Mapped[int | None]
    analyst_consensus_score: Mapped[int | None]
    hourly_return_pct: Mapped[float | None] = _number()
    z_score: Mapped[float | None] = _number()
    atr_pct: Mapped[float | None] = _number()
    dynamic_tilt: Mapped[float | None] = _number()
    base_score: Mapped[int | None]
    p1_weight: Mapped[float | None] = _number()
    p2_weight: Mapped[float | None] = _number()
    p3_weight: Mapped[float | None] = _number()
    p4_weight: Mapped[float | None] = _number()
    calculated_at: Mapped[datetime] = mapped_column(Timestamp, index=True)


class VetrScoreSnapshot(Model):
    """The newest score of one ticker on one UTC day; recorded_at is that day's midnight."""

    __tablename__ = "vetr_score_snapshots"
    id: Mapped[UUID] = _id()
    stock_ticker: Mapped[str] = _text(20)
    overall_score: Mapped[int]
    financial_survival_score: Mapped[int] = mapped_column(server_default="0")
    operational_efficiency_score: Mapped[int] = mapped_column(server_default="0")
    shareholder_structure_score: Mapped[int] = mapped_column(server_default="0")
    market_sentiment_score: Mapped[int] = mapped_column(server_default="0")
    price: Mapped[float | None] = _number()
    dynamic_tilt: Mapped[float | None] = _number()
    recorded_at: Mapped[datetime] = mapped_column(Timestamp, index=True)
    __table_args__ = (
        UniqueConstraint("stock_ticker", "recorded_at"),
        Index("ix_vetr_score_snapshots_stock_ticker_recorded_at", "stock_ticker", desc("recorded_at")),
    )


class RedFlagHistory(Model):
    """One flag of one stock at one time; users' acknowledgments refer to its id, so no job ever deletes a row."""

    __tablename__ = "red_flag_history"
    id: Mapped[UUID] = _id()
    stock_ticker: Mapped[str] = mapped_column(String(20), index=True)
    flag_type: Mapped[str] = mapped_column(String(50), index=True)
    severity: Mapped[str] = _text(20)
    score: Mapped[float] = mapped_column(Double)
    description: Mapped[str] = mapped_column(Text)
    detected_at: Mapped[datetime] = mapped_column(Timestamp, index=True)
