"""Creates all tables; on the platform's database only those that are missing."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "2026_11_23_tables"
down_revision = None
branch_labels = None
depends_on = None

# Records which tables this migration made, so that a downgrade drops no others.
MADE = "cron_made_tables"


def upgrade() -> None:
    connection = op.get_bind()
    existing = sa.inspect(connection)
    made = sa.Table(MADE, sa.MetaData(), sa.Column("table_name", sa.String(63), primary_key=True))
    made.create(connection)
    for table in _tables(connection.dialect.name).sorted_tables:
        if not existing.has_table(table.name):
            table.create(connection)
            connection.execute(made.insert(), {"table_name": table.name})


def downgrade() -> None:
    connection = op.get_bind()
    made = sa.Table(MADE, sa.MetaData(), sa.Column("table_name", sa.String(63), primary_key=True))
    ours = set(connection.execute(sa.select(made.c.table_name)).scalars())
    for table in reversed(_tables(connection.dialect.name).sorted_tables):
        if table.name in ours:
            table.drop(connection)
    made.drop(connection)


def _tables(dialect: str) -> sa.MetaData:  # noqa: C901  # a list of tables, not a path with branches
    """The tables as of this migration, however the models change later."""
    on_postgresql = dialect == "postgresql"
    new_id = sa.text("gen_random_uuid()" if on_postgresql else "(lower(hex(randomblob(16))))")
    utc_now = sa.text("timezone('utc', now())" if on_postgresql else "(strftime('%Y-%m-%d %H:%M:%f000', 'now'))")
    json = sa.JSON().with_variant(JSONB(), "postgresql")
    metadata = sa.MetaData()

    def table(name: str, *parts: sa.Column | sa.UniqueConstraint | sa.Index) -> None:
        sa.Table(name, metadata, sa.Column("id", sa.Uuid(), primary_key=True, server_default=new_id), *parts)

    def text(name: str, length: int, *, required: bool = False, index: bool = False) -> sa.Column:
        return sa.Column(name, sa.String(length), nullable=not required, index=index)

    def long_text(name: str, *, required: bool = False) -> sa.Column:
        return sa.Column(name, sa.Text(), nullable=not required)

    def doubles(*names: str, required: bool = False) -> list[sa.Column]:
        return [sa.Column(name, sa.Double(), nullable=not required) for name in names]

    def integers(*names: str, default: str | None = None, required: bool = False) -> list[sa.Column]:
        return [sa.Column(name, sa.Integer(), nullable=not required, server_default=default) for name in names]

    def bigints(*names: str) -> list[sa.Column]:
        return [sa.Column(name, sa.BigInteger()) for name in names]

    def timestamp(name: str, *, required: bool = True, index: bool = False) -> sa.Column:
        return sa.Column(name, sa.DateTime(), nullable=not required, index=index)

    def stamps(*names: str) -> list[sa.Column]:
        return [sa.Column(name, sa.DateTime(), nullable=False, server_default=utc_now) for name in names]

    def stock_id(*, unique: bool = False) -> sa.Column:
        parent = sa.ForeignKey("stocks.id", ondelete="CASCADE")
        return sa.Column("stock_id", sa.Uuid(), parent, nullable=False, unique=unique, index=not unique)

    pillars = (
        "financial_survival_score",
        "operational_efficiency_score",
        "shareholder_structure_score",
        "market_sentiment_score",
    )
    table(
        "stocks",
        sa.Column("ticker", sa.String(20), nullable=False, unique=True),
        text("name", 255, required=True),
        text("exchange", 50, required=True, index=True),
        text("sector", 100, required=True, index=True),
        *doubles("market_cap", "price", "price_change"),
        *integers("vetr_score"),
        *stamps("updated_at"),
    )
    table(
        "executives",
        stock_id(),
        text("name", 255, required=True),
        text("title", 255, required=True),
        *doubles("years_at_company", required=True),
        sa.Column("previous_companies", json, server_default="[]"),
        text("education", 500),
        text("specialization", 255),
        text("social_linkedin", 500),
        text("social_twitter", 500),
        *stamps("created_at", "updated_at"),
    )
    table(
        "filings",
        stock_id(),
        text("type", 100, required=True),
        text("title", 500, required=True),
        timestamp("date", index=True),
        long_text("summary"),
        sa.Column("is_material", sa.Boolean(), nullable=False, server_default=sa.false()),
        text("source_url", 1000),
        *stamps("created_at"),
    )
    table(
        "financial_data",
        stock_id(unique=True),
        *doubles("cash", "monthly_burn", "total_debt", "total_assets", "exploration_exp", "r_and_d_exp", "total_opex"),
        *doubles("g_and_a_expense", "revenue"),
        *bigints("shares_current", "shares_1yr_ago", "insider_shares", "total_shares"),
        *doubles("avg_vol_30d"),
        *integers("days_since_last_pr"),
        *doubles("warrant_strike_price"),
        *stamps("updated_at", "created_at"),
    )
    table(
        "financial_summary",
        stock_id(unique=True),
        *doubles("total_revenue", "gross_profit", "ebitda", "net_income", "operating_cash_flow", "free_cash_flow"),
        *doubles("total_cash", "total_cash_per_share", "total_debt", "revenue_per_share", "gross_margins"),
        *doubles("operating_margins", "ebitda_margins", "revenue_growth", "earnings_growth"),
        *doubles("current_ratio", "quick_ratio"),
        *bigints("shares_outstanding", "float_shares"),
        text("currency", 10),
        *stamps("updated_at", "created_at"),
    )
    table(
        "short_interest",
        stock_id(unique=True),
        *bigints("short_shares"),
        *doubles("short_interest_pct", "days_to_cover_10d", "days_to_cover_30d", "days_to_cover_90d"),
        timestamp("report_date", required=False),
        *stamps("updated_at", "created_at"),
    )
    table(
        "analyst_consensus",
        stock_id(unique=True),
        *integers("total_analysts", "buy_count", "hold_count", "sell_count"),
        text("consensus", 20),
        *doubles("price_target", "price_target_high", "price_target_low"),
        sa.Column("recommendation_trend", json),
        *stamps("updated_at", "created_at"),
    )
    table(
        "insider_transactions",
        stock_id(),
        text("filer_name", 255, required=True),
        text("filer_relation", 100),
        timestamp("transaction_date", index=True),
        text("transaction_text", 500),
        text("ownership", 5),
        *bigints("shares"),
        *doubles("value"),
        *stamps("created_at"),
    )
    table(
        "stock_daily_prices",
        stock_id(),
        text("ticker", 20, required=True),
        sa.Column("date", sa.Date(), nullable=False),
        *doubles("open", "high", "low", "close", "previous_close", "volume", "true_range"),
        *stamps("created_at"),
        sa.UniqueConstraint("ticker", "date"),
    )
    table(
        "vetr_score_history",
        text("stock_ticker", 20, required=True, index=True),
        *integers("overall_score", required=True),
        *integers(*pillars, default="0", required=True),
        *integers("cash_runway_score", "solvency_score", "efficiency_score", "pedigree_sub_score"),
        *integers("dilution_penalty_score", "insider_alignment_score", "sedi_insider_score", "warrant_overhang_score"),
        *integers("liquidity_score", "news_velocity_score", "technical_momentum_score", "short_squeeze_score"),
        *integers("analyst_consensus_score"),
        *doubles("hourly_return_pct", "z_score", "atr_pct", "dynamic_tilt"),
        *integers("base_score"),
        *doubles("p1_weight", "p2_weight", "p3_weight", "p4_weight"),
        timestamp("calculated_at", index=True),
    )
    table(
        "vetr_score_snapshots",
        text("stock_ticker", 20, required=True),
        *integers("overall_score", required=True),
        *integers(*pillars, default="0", required=True),
        *doubles("price", "dynamic_tilt"),
        timestamp("recorded_at", index=True),
        sa.UniqueConstraint("stock_ticker", "recorded_at"),
        sa.Index("ix_vetr_score_snapshots_stock_ticker_recorded_at", "stock_ticker", sa.desc("recorded_at")),
    )
    table(
        "red_flag_history",
        text("stock_ticker", 20, required=True, index=True),
        text("flag_type", 50, required=True, index=True),
        text("severity", 20, required=True),
        *doubles("score", required=True),
        long_text("description", required=True),
        timestamp("detected_at", index=True),
    )
    table(
        "cron_job_runs",
        text("job_name", 50, required=True, index=True),
        text("status", 20, required=True),
        *integers("stocks_processed", "succeeded", "failed_count", default="0"),
        sa.Column("failures", json),
        *integers("chunk_offset", "chunk_size", "total_stocks", "duration_ms"),
        sa.Column("started_at", sa.DateTime(), nullable=False, server_default=utc_now, index=True),
        timestamp("completed_at", required=False),
        long_text("error_message"),
    )
    return metadata
