"""What the migrations must make, said once more and by hand."""

PILLARS = "financial_survival_score operational_efficiency_score shareholder_structure_score market_sentiment_score"

# Every column as `name:type`; `!` stands for NOT NULL, `=` for what an insert without the column gets.
# In COLUMNS the id (a new uuid), which all of those tables have, is left out.
STOCK_ID = ["stock_id:uuid!"]
CREATED = ["created_at:timestamp!=now"]
UPDATED = ["updated_at:timestamp!=now"]


def _all(kind: str, names: str) -> list[str]:
    return [f"{name}:{kind}" for name in names.split()]


COLUMNS = {
    "stocks": [
        *("ticker:varchar(20)!", "name:varchar(255)!", "exchange:varchar(50)!", "sector:varchar(100)!"),
        *_all("double", "market_cap price price_change"),
        *("vetr_score:int", *UPDATED),
    ],
    "executives": [
        *(*STOCK_ID, "name:varchar(255)!", "title:varchar(255)!", "years_at_company:double!"),
        *("previous_companies:jsonb=[]", "education:varchar(500)", "specialization:varchar(255)"),
        *("social_linkedin:varchar(500)", "social_twitter:varchar(500)", *CREATED, *UPDATED),
    ],
    "filings": [
        *(*STOCK_ID, "type:varchar(100)!", "title:varchar(500)!", "date:timestamp!", "summary:text"),
        *("is_material:boolean!=false", "source_url:varchar(1000)", *CREATED),
    ],
    "financial_data": [
        *STOCK_ID,
        *_all("double", "cash monthly_burn total_debt total_assets exploration_exp r_and_d_exp total_opex"),
        *_all("double", "g_and_a_expense revenue avg_vol_30d warrant_strike_price"),
        *_all("bigint", "shares_current shares_1yr_ago insider_shares total_shares"),
        *("days_since_last_pr:int", *UPDATED, *CREATED),
    ],
    "financial_summary": [
        *STOCK_ID,
        *_all("double", "total_revenue gross_profit ebitda net_income operating_cash_flow free_cash_flow total_cash"),
        *_all("double", "total_cash_per_share total_debt revenue_per_share gross_margins operating_margins"),
        *_all("double", "ebitda_margins revenue_growth earnings_growth current_ratio quick_ratio"),
        *_all("bigint", "shares_outstanding float_shares"),
        *("currency:varchar(10)", *UPDATED, *CREATED),
    ],
    "short_interest": [
        *(*STOCK_ID, "short_shares:bigint"),
        *_all("double", "short_interest_pct days_to_cover_10d days_to_cover_30d days_to_cover_90d"),
        *("report_date:timestamp", *UPDATED, *CREATED),
    ],
    "analyst_consensus": [
        *STOCK_ID,
        *_all("int", "total_analysts buy_count hold_count sell_count"),
        "consensus:varchar(20)",
        *_all("double", "price_target price_target_high price_target_low"),
        *("recommendation_trend:jsonb", *UPDATED, *CREATED),
    ],
    "insider_transactions": [
        *(*STOCK_ID, "filer_name:varchar(255)!", "filer_relation:varchar(100)", "transaction_date:timestamp!"),
        *("transaction_text:varchar(500)", "ownership:varchar(5)", "shares:bigint", "value:double", *CREATED),
    ],
    "stock_daily_prices": [
        *(*STOCK_ID, "ticker:varchar(20)!", "date:date!"),
        *_all("double", "open high low close previous_close volume true_range"),
        *CREATED,
    ],
    "vetr_score_history": [
        *("stock_ticker:varchar(20)!", "overall_score:int!", *_all("int!=0", PILLARS)),
        *_all("int", "cash_runway_score solvency_score efficiency_score pedigree_sub_score dilution_penalty_score"),
        *_all("int", "insider_alignment_score sedi_insider_score warrant_overhang_score liquidity_score"),
        *_all("int", "news_velocity_score technical_momentum_score short_squeeze_score analyst_consensus_score"),
        *_all("double", "hourly_return_pct z_score atr_pct dynamic_tilt"),
        *("base_score:int", *_all("double", "p1_weight p2_weight p3_weight p4_weight"), "calculated_at:timestamp!"),
    ],
    "vetr_score_snapshots": [
        *("stock_ticker:varchar(20)!", "overall_score:int!", *_all("int!=0", PILLARS)),
        *("price:double", "dynamic_tilt:double", "recorded_at:timestamp!"),
    ],
    "red_flag_history": [
        *("stock_ticker:varchar(20)!", "flag_type:varchar(50)!", "severity:varchar(20)!", "score:double!"),
        *("description:text!", "detected_at:timestamp!"),
    ],
    "cron_job_runs": [
        *("job_name:varchar(50)!", "status:varchar(20)!"),
        *_all("int=0", "stocks_processed succeeded failed_count"),
        "failures:jsonb",
        *_all("int", "chunk_offset chunk_size total_stocks duration_ms"),
        *("started_at:timestamp!=now", "completed_at:timestamp", "error_message:text"),
    ],
}
# The tables that only this service has, with every column; and their primary keys, where these are not the id.
OWN = {
    "cron_stock_states": [
        *("job:varchar(20)!", "ticker:text!", "last_cycle_id:uuid!"),
        *_all("timestamp", "last_refreshed_at last_failed_at failing_since"),
        *("consecutive_failures:int!", "last_error:text", "last_reason:text", "result_kinds:text"),
    ],
    "cron_pauses": ["job:varchar(20)!", "reason:text", "paused_at:timestamp!"],
    "cron_marks": ["name:varchar(50)!", "value:text!"],
    "cron_calls": [
        *("id:uuid!", "job:varchar(20)!", "along_cursor:boolean!", "caller:varchar(20)!", "started_at:timestamp!"),
        *("ended_at:timestamp", "status:varchar(20)!", "stop_reason:varchar(30)", "is_complete:boolean!"),
        *_all("int!", "chunks_run stocks_processed succeeded failed"),
        *("error:text", "first_run_id:uuid", "last_run_id:uuid"),
    ],
    "cron_samples": [
        *("job:varchar(20)!", "taken_at:timestamp!", *_all("int!", "total fresh stale never failing")),
        *("oldest:timestamp", "distribution:jsonb"),
    ],
}
OWN_KEYS = {
    "cron_stock_states": ["job", "ticker"],
    "cron_pauses": ["job"],
    "cron_marks": ["name"],
    "cron_calls": ["id"],
    "cron_samples": ["job", "taken_at"],
}
UNIQUE = {
    "stocks": ["ticker"],
    "financial_data": ["stock_id"],
    "financial_summary": ["stock_id"],
    "short_interest": ["stock_id"],
    "analyst_consensus": ["stock_id"],
    "stock_daily_prices": ["ticker date"],
    "vetr_score_snapshots": ["stock_ticker recorded_at"],
}
INDEXES = {
    "stocks": ["exchange", "sector"],
    "executives": ["stock_id"],
    "filings": ["stock_id", "date"],
    "insider_transactions": ["stock_id", "transaction_date"],
    "stock_daily_prices": ["stock_id"],
    "vetr_score_history": ["stock_ticker", "calculated_at"],
    "vetr_score_snapshots": ["stock_ticker recorded_at desc", "recorded_at"],
    "red_flag_history": ["stock_ticker", "detected_at", "flag_type"],
    "cron_job_runs": ["job_name", "started_at", "job_name started_at desc id desc", "status started_at desc id desc"],
    "cron_calls": [
        "started_at desc id desc",
        "job along_cursor started_at desc id desc",
        "status started_at desc id desc",
    ],
}
TYPES = {
    "UUID": "uuid",
    "CHAR(32)": "uuid",
    "DOUBLE PRECISION": "double",
    "DOUBLE": "double",
    "INTEGER": "int",
    "TIMESTAMP": "timestamp",
    "DATETIME": "timestamp",
    "JSON": "jsonb",
}
"""What the databases call a type, where that is not the name in COLUMNS."""
