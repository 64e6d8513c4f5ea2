-- A user for the service who owns nothing: it reads the platform's tables, writes results, and can change no table.
--
-- Run it as the owner of the tables, in the platform's database, after `flask --app wsgi db upgrade`, and again after
-- each release: `psql -v ON_ERROR_STOP=1 -f deploy/postgresql/role.sql "$OWNERS_DATABASE_URL"`.
-- A superuser makes the user once, with a password of your own:
--
--   CREATE ROLE vettr_cron LOGIN PASSWORD '...';

BEGIN;

-- Everybody may use the schema public unless that was revoked; nobody else's tables are opened by it.
GRANT USAGE ON SCHEMA public TO vettr_cron;

-- What the scores and the red flags are computed from.
GRANT SELECT ON
    stocks, executives, filings, financial_data, financial_summary, short_interest, analyst_consensus,
    insider_transactions, stock_daily_prices
TO vettr_cron;

-- What they write: the score of a stock, and the results. Cleanup removes old flags and snapshots, never the history.
GRANT UPDATE (vetr_score) ON stocks TO vettr_cron;
GRANT SELECT, INSERT, UPDATE ON vetr_score_history TO vettr_cron;
GRANT SELECT, INSERT, UPDATE, DELETE ON vetr_score_snapshots, red_flag_history TO vettr_cron;

-- What the service keeps for itself. A resume removes the row of a pause.
GRANT SELECT, INSERT, UPDATE, DELETE ON cron_job_runs, cron_calls, cron_samples, cron_pauses TO vettr_cron;
GRANT SELECT, INSERT, UPDATE ON cron_stock_states, cron_marks TO vettr_cron;
GRANT SELECT ON cron_alembic_version TO vettr_cron;

-- Cleanup keeps a flag that another table refers to, and so must be able to read each such table.
DO $$
DECLARE
    referring regclass;
BEGIN
    FOR referring IN SELECT DISTINCT conrelid::regclass FROM pg_constraint
        WHERE contype = 'f' AND confrelid = 'red_flag_history'::regclass
    LOOP
        EXECUTE format('GRANT SELECT ON %s TO vettr_cron', referring);
    END LOOP;
END $$;

COMMIT;
