"""A small folder with all nine tables, the command that imports it, and what is in the tables then."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from click.testing import Result

from tests.world import World

NINE = {
    "stocks": (
        "ticker,name,exchange,sector,market_cap,price,price_change,updated_at\n"
        'AAA.V,"Alpha, Gold & Söhne",TSXV,Gold Mining,1234567.5,0.35,-0.01,2026-11-20T12:30:00Z\n'
        "BBB,Beta Software Inc.,NYSE,Software,,12,,2026-11-20\n"
    ),
    "executives": (
        "ticker,name,title,years_at_company,previous_companies,education,specialization,social_linkedin,"
        "social_twitter,created_at,updated_at\n"
        'AAA.V,Ann Lee,CEO,2.5,"[""Acme"", ""Bêta""]",MBA,Geology,https://in/ann,@ann,2026-01-02,2026-01-03\n'
        "AAA.V,Bob Ray,CFO,0,,,,,,2026-01-02,2026-01-03\n"
    ),
    "filings": (
        "ticker,type,title,date,summary,is_material,source_url,created_at\n"
        'BBB,8-K,Offering,2026-11-01T08:00:00.250+02:00,"Two\nlines",true,https://sec/1,2026-11-02\n'
        "BBB,10-Q,Quarterly report,2026-10-01,,,,2026-11-02\n"
    ),
    "financial_data": (
        "ticker,cash,monthly_burn,total_debt,total_assets,exploration_exp,r_and_d_exp,total_opex,g_and_a_expense,"
        "revenue,shares_current,shares_1yr_ago,insider_shares,total_shares,avg_vol_30d,days_since_last_pr,"
        "warrant_strike_price,updated_at,created_at\n"
        "AAA.V,1e6,50000,0,2e6,300000,,400000,1,0.1,9000000000,8000000000,1,9223372036854775807,1234.5,-3,0.5,"
        "2026-01-02,2026-01-02\n"
    ),
    "financial_summary": (
        "ticker,total_revenue,gross_profit,ebitda,net_income,operating_cash_flow,free_cash_flow,total_cash,"
        "total_cash_per_share,total_debt,revenue_per_share,gross_margins,operating_margins,ebitda_margins,"
        "revenue_growth,earnings_growth,current_ratio,quick_ratio,shares_outstanding,float_shares,currency,"
        "updated_at,created_at\n"
        "BBB,1,2,3,4,5,-6.5,7,8,9,10,11,12,13,14,15,16,17,18,19,USD,2026-01-02,2026-01-02\n"
    ),
    "short_interest": (
        "ticker,short_shares,short_interest_pct,days_to_cover_10d,days_to_cover_30d,days_to_cover_90d,report_date,"
        "updated_at,created_at\nBBB,1000,0.5,1,2,3,2026-10-31,2026-01-02,2026-01-02\n"
    ),
    "analyst_consensus": (
        "ticker,total_analysts,buy_count,hold_count,sell_count,consensus,price_target,price_target_high,"
        "price_target_low,recommendation_trend,updated_at,created_at\n"
        'BBB,3,1,1,1,hold,12.5,20,10,"{""trend"": [1, null, ""é""]}",2026-01-02,2026-01-02\n'
    ),
    "insider_transactions": (
        "ticker,filer_name,filer_relation,transaction_date,transaction_text,ownership,shares,value,created_at\n"
        "AAA.V,Ann Lee,CEO,2026-11-10,Purchase at market,D,1000,350,2026-11-11\n"
        "AAA.V,Ann Lee,CEO,2026-11-10,Purchase at market,D,1000,350,2026-11-11\n"
    ),
    "stock_daily_prices": (
        "ticker,date,open,high,low,close,previous_close,volume,true_range,created_at\n"
        "AAA.V,2026-11-19,0.34,0.36,0.33,0.35,0.34,10000,0.03,2026-11-20\n"
        "AAA.V,2026-11-20,0.35,0.37,0.34,0.36,0.35,20000,0.03,2026-11-20\n"
        "BBB,2026-11-20,12,12.5,11.5,12,12,1e6,1,2026-11-20\n"
    ),
}
ROWS = {
    "stocks": 2,
    "executives": 2,
    "filings": 2,
    "financial_data": 1,
    "financial_summary": 1,
    "short_interest": 1,
    "analyst_consensus": 1,
    "insider_transactions": 2,
    "stock_daily_prices": 3,
}
"""How many rows of each table there are in the files."""

Contents = Mapping[str, Sequence[Mapping[str, Any]]]


def write_folder(path: Path, files: Mapping[str, str]) -> Path:
    for table, content in files.items():
        (path / f"{table}.csv").write_text(content, encoding="utf-8")
    return path


def import_files(world: World, path: Path, files: Mapping[str, str]) -> Result:
    """The command on a folder of these files and no others."""
    for old in path.glob("*.csv"):
        old.unlink()
    return world.app.test_cli_runner().invoke(args=["stocks", "import", str(write_folder(path, files))])


def contents(world: World) -> Contents:
    return {table: sorted(world.table(table), key=lambda row: str(row["id"])) for table in NINE}


def only(world: World, table: str) -> dict[str, Any]:
    (row,) = world.table(table)
    return dict(row)


def refusal(result: Result) -> str:
    """What a person reads of an import that failed as it should."""
    assert result.exit_code == 1
    assert isinstance(result.exception, SystemExit)
    assert "Traceback" not in result.output
    return result.output
