"""The tables as SQLAlchemy Core sees them, for statements over many rows."""

from typing import cast

from sqlalchemy import Table

from vettr_cron.extensions import Model
from vettr_cron.models import cron, platform


def _table(model: type[Model]) -> Table:
    return cast(Table, model.__table__)


stocks = _table(platform.Stock)
executives = _table(platform.Executive)
filings = _table(platform.Filing)
financial_data = _table(platform.FinancialData)
financial_summary = _table(platform.FinancialSummary)
short_interest = _table(platform.ShortInterest)
analyst_consensus = _table(platform.AnalystConsensus)
insider_transactions = _table(platform.InsiderTransaction)
stock_daily_prices = _table(platform.StockDailyPrice)
vetr_score_history = _table(platform.VetrScoreHistory)
vetr_score_snapshots = _table(platform.VetrScoreSnapshot)
red_flag_history = _table(platform.RedFlagHistory)
cron_job_runs = _table(cron.CronJobRun)
cron_stock_states = _table(cron.CronStockState)
cron_pauses = _table(cron.CronPause)
cron_marks = _table(cron.CronMark)
cron_calls = _table(cron.CronCall)
cron_samples = _table(cron.CronSample)
