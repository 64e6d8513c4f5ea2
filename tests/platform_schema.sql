-- The platform's database as the platform makes it: its own names for keys and indexes, and more in it than we know of.
-- What stands between "-- begin: NAME" and "-- end: NAME" a test may leave out.

CREATE EXTENSION IF NOT EXISTS plpgsql;

CREATE TABLE "alembic_version" (
    "version_num" varchar(32) NOT NULL,
    CONSTRAINT "alembic_version_pkc" PRIMARY KEY ("version_num")
);
INSERT INTO "alembic_version" VALUES ('9f1c2b7d4e60');

CREATE TABLE "users" (
    "id" uuid PRIMARY KEY DEFAULT gen_random_uuid() NOT NULL,
    "email" varchar(255) NOT NULL,
    "created_at" timestamp DEFAULT now() NOT NULL,
    CONSTRAINT "users_email_unique" UNIQUE ("email")
);
INSERT INTO "users" ("id", "email") VALUES ('00000000-0000-4000-8000-000000000001', 'reader@example.com');

CREATE TABLE "stocks" (
    "id" uuid PRIMARY KEY DEFAULT gen_random_uuid() NOT NULL,
    "ticker" varchar(20) NOT NULL,
    "name" varchar(255) NOT NULL,
    "exchange" varchar(50) NOT NULL,
    "sector" varchar(100) NOT NULL,
    "market_cap" double precision,
    "price" double precision,
    "price_change" double precision,
    "vetr_score" integer,
    "updated_at" timestamp DEFAULT now() NOT NULL,
    CONSTRAINT "stocks_ticker_unique" UNIQUE ("ticker")
);
CREATE INDEX "idx_stocks_ticker" ON "stocks" ("ticker");
CREATE INDEX "idx_stocks_sector" ON "stocks" ("sector");
CREATE INDEX "idx_stocks_exchange" ON "stocks" ("exchange");

-- A table that only the platform knows, and that hangs on one that we write.
CREATE TABLE "watchlist_items" (
    "user_id" uuid NOT NULL REFERENCES "users" ("id") ON DELETE CASCADE,
    "stock_id" uuid NOT NULL REFERENCES "stocks" ("id") ON DELETE CASCADE,
    "note" text,
    PRIMARY KEY ("user_id", "stock_id")
);

CREATE TABLE "executives" (
    "id" uuid PRIMARY KEY DEFAULT gen_random_uuid() NOT NULL,
    "stock_id" uuid NOT NULL,
    "name" varchar(255) NOT NULL,
    "title" varchar(255) NOT NULL,
    "years_at_company" double precision NOT NULL,
    "previous_companies" jsonb DEFAULT '[]'::jsonb,
    "education" varchar(500),
    "specialization" varchar(255),
    "social_linkedin" varchar(500),
    "social_twitter" varchar(500),
    "created_at" timestamp DEFAULT now() NOT NULL,
    "updated_at" timestamp DEFAULT now() NOT NULL,
    CONSTRAINT "executives_stock_id_stocks_id_fk" FOREIGN KEY ("stock_id") REFERENCES "stocks" ("id") ON DELETE CASCADE
);
CREATE INDEX "idx_executives_stock_id" ON "executives" ("stock_id");

CREATE TABLE "filings" (
    "id" uuid PRIMARY KEY DEFAULT gen_random_uuid() NOT NULL,
    "stock_id" uuid NOT NULL,
    "type" varchar(100) NOT NULL,
    "title" varchar(500) NOT NULL,
    "date" timestamp NOT NULL,
    "summary" text,
    "is_material" boolean DEFAULT false NOT NULL,
    "source_url" varchar(1000),
    "created_at" timestamp DEFAULT now() NOT NULL,
    CONSTRAINT "filings_stock_id_stocks_id_fk" FOREIGN KEY ("stock_id") REFERENCES "stocks" ("id") ON DELETE CASCADE
);
CREATE INDEX "idx_filings_stock_id" ON "filings" ("stock_id");
CREATE INDEX "idx_filings_date" ON "filings" ("date");

CREATE TABLE "financial_data" (
    "id" uuid PRIMARY KEY DEFAULT gen_random_uuid() NOT NULL,
    "stock_id" uuid NOT NULL,
    "cash" double precision,
    "monthly_burn" double precision,
    "total_debt" double precision,
    "total_assets" double precision,
    "exploration_exp" double precision,
    "r_and_d_exp" double precision,
    "total_opex" double precision,
    "g_and_a_expense" double precision,
    "revenue" double precision,
    "shares_current" bigint,
    "shares_1yr_ago" bigint,
    "insider_shares" bigint,
    "total_shares" bigint,
    "avg_vol_30d" double precision,
    "days_since_last_pr" integer,
    "warrant_strike_price" double precision,
    "updated_at" timestamp DEFAULT now() NOT NULL,
    "created_at" timestamp DEFAULT now() NOT NULL,
    CONSTRAINT "financial_data_stock_id_unique" UNIQUE ("stock_id"),
    CONSTRAINT "financial_data_stock_id_stocks_id_fk" FOREIGN KEY ("stock_id") REFERENCES "stocks" ("id") ON DELETE CASCADE
);
CREATE INDEX "idx_financial_data_stock_id" ON "financial_data" ("stock_id");

CREATE TABLE "financial_summary" (
    "id" uuid PRIMARY KEY DEFAULT gen_random_uuid() NOT NULL,
    "stock_id" uuid NOT NULL,
    "total_revenue" double precision,
    "gross_profit" double precision,
    "ebitda" double precision,
    "net_income" double precision,
    "operating_cash_flow" double precision,
    "free_cash_flow" double precision,
    "total_cash" double precision,
    "total_cash_per_share" double precision,
    "total_debt" double precision,
    "revenue_per_share" double precision,
    "gross_margins" double precision,
    "operating_margins" double precision,
    "ebitda_margins" double precision,
    "revenue_growth" double precision,
    "earnings_growth" double precision,
    "current_ratio" double precision,
    "quick_ratio" double precision,
    "shares_outstanding" bigint,
    "float_shares" bigint,
    "currency" varchar(10),
    "updated_at" timestamp DEFAULT now() NOT NULL,
    "created_at" timestamp DEFAULT now() NOT NULL,
    CONSTRAINT "financial_summary_stock_id_unique" UNIQUE ("stock_id"),
    CONSTRAINT "financial_summary_stock_id_stocks_id_fk" FOREIGN KEY ("stock_id") REFERENCES "stocks" ("id") ON DELETE CASCADE
);
CREATE INDEX "idx_financial_summary_stock_id" ON "financial_summary" ("stock_id");

-- begin: short_interest
CREATE TABLE "short_interest" (
    "id" uuid PRIMARY KEY DEFAULT gen_random_uuid() NOT NULL,
    "stock_id" uuid NOT NULL,
    "short_shares" bigint,
    "short_interest_pct" double precision,
    "days_to_cover_10d" double precision,
    "days_to_cover_30d" double precision,
    "days_to_cover_90d" double precision,
    "report_date" timestamp,
    "updated_at" timestamp DEFAULT now() NOT NULL,
    "created_at" timestamp DEFAULT now() NOT NULL,
    CONSTRAINT "short_interest_stock_id_unique" UNIQUE ("stock_id"),
    CONSTRAINT "short_interest_stock_id_stocks_id_fk" FOREIGN KEY ("stock_id") REFERENCES "stocks" ("id") ON DELETE CASCADE
);
CREATE INDEX "idx_short_interest_stock_id" ON "short_interest" ("stock_id");
-- end: short_interest

CREATE TABLE "analyst_consensus" (
    "id" uuid PRIMARY KEY DEFAULT gen_random_uuid() NOT NULL,
    "stock_id" uuid NOT NULL,
    "total_analysts" integer,
    "buy_count" integer,
    "hold_count" integer,
    "sell_count" integer,
    "consensus" varchar(20),
    "price_target" double precision,
    "price_target_high" double precision,
    "price_target_low" double precision,
    "recommendation_trend" jsonb,
    "updated_at" timestamp DEFAULT now() NOT NULL,
    "created_at" timestamp DEFAULT now() NOT NULL,
    CONSTRAINT "analyst_consensus_stock_id_unique" UNIQUE ("stock_id"),
    CONSTRAINT "analyst_consensus_stock_id_stocks_id_fk" FOREIGN KEY ("stock_id") REFERENCES "stocks" ("id") ON DELETE CASCADE
);
CREATE INDEX "idx_analyst_consensus_stock_id" ON "analyst_consensus" ("stock_id");

CREATE TABLE "insider_transactions" (
    "id" uuid PRIMARY KEY DEFAULT gen_random_uuid() NOT NULL,
    "stock_id" uuid NOT NULL,
    "filer_name" varchar(255) NOT NULL,
    "filer_relation" varchar(100),
    "transaction_date" timestamp NOT NULL,
    "transaction_text" varchar(500),
    "ownership" varchar(5),
    "shares" bigint,
    "value" double precision,
    "created_at" timestamp DEFAULT now() NOT NULL,
    CONSTRAINT "insider_transactions_stock_id_stocks_id_fk" FOREIGN KEY ("stock_id") REFERENCES "stocks" ("id") ON DELETE CASCADE
);
CREATE INDEX "idx_insider_tx_stock_id" ON "insider_transactions" ("stock_id");
CREATE INDEX "idx_insider_tx_date" ON "insider_transactions" ("transaction_date");

CREATE TABLE "stock_daily_prices" (
    "id" uuid PRIMARY KEY DEFAULT gen_random_uuid() NOT NULL,
    "stock_id" uuid NOT NULL,
    "ticker" varchar(20) NOT NULL,
    "date" date NOT NULL,
    "open" double precision,
    "high" double precision,
    "low" double precision,
    "close" double precision,
    "previous_close" double precision,
    "volume" double precision,
    "true_range" double precision,
    "created_at" timestamp DEFAULT now() NOT NULL,
    CONSTRAINT "stock_daily_prices_stock_id_stocks_id_fk" FOREIGN KEY ("stock_id") REFERENCES "stocks" ("id") ON DELETE CASCADE
);
-- An index, not a constraint, keeps these apart.
CREATE UNIQUE INDEX "uq_stock_daily_prices" ON "stock_daily_prices" ("ticker", "date");
CREATE INDEX "idx_stock_daily_prices_stock_id" ON "stock_daily_prices" ("stock_id");
CREATE INDEX "idx_stock_daily_prices_ticker_date" ON "stock_daily_prices" ("ticker", "date");

CREATE TABLE "vetr_score_history" (
    "id" uuid PRIMARY KEY DEFAULT gen_random_uuid() NOT NULL,
    "stock_ticker" varchar(20) NOT NULL,
    "overall_score" integer NOT NULL,
    "financial_survival_score" integer DEFAULT 0 NOT NULL,
    "operational_efficiency_score" integer DEFAULT 0 NOT NULL,
    "shareholder_structure_score" integer DEFAULT 0 NOT NULL,
    "market_sentiment_score" integer DEFAULT 0 NOT NULL,
    "cash_runway_score" integer,
    "solvency_score" integer,
    "efficiency_score" integer,
    "pedigree_sub_score" integer,
    "dilution_penalty_score" integer,
    "insider_alignment_score" integer,
    "sedi_insider_score" integer,
    "warrant_overhang_score" integer,
    "liquidity_score" integer,
    "news_velocity_score" integer,
    "technical_momentum_score" integer,
    "short_squeeze_score" integer,
    "analyst_consensus_score" integer,
    "hourly_return_pct" double precision,
    "z_score" double precision,
    "atr_pct" double precision,
    "dynamic_tilt" double precision,
    "base_score" integer,
    "p1_weight" double precision,
    "p2_weight" double precision,
    "p3_weight" double precision,
    "p4_weight" double precision,
    "calculated_at" timestamp DEFAULT now() NOT NULL
);
CREATE INDEX "idx_vetr_score_history_ticker" ON "vetr_score_history" ("stock_ticker");
CREATE INDEX "idx_vetr_score_history_calculated_at" ON "vetr_score_history" ("calculated_at");

CREATE TABLE "vetr_score_snapshots" (
    "id" uuid PRIMARY KEY DEFAULT gen_random_uuid() NOT NULL,
    "stock_ticker" varchar(20) NOT NULL,
    "overall_score" integer NOT NULL,
    "financial_survival_score" integer DEFAULT 0 NOT NULL,
    "operational_efficiency_score" integer DEFAULT 0 NOT NULL,
    "shareholder_structure_score" integer DEFAULT 0 NOT NULL,
    "market_sentiment_score" integer DEFAULT 0 NOT NULL,
    "price" double precision,
    "dynamic_tilt" double precision,
    "recorded_at" timestamp NOT NULL,
    CONSTRAINT "uq_vetr_snapshots_ticker_recorded" UNIQUE ("stock_ticker", "recorded_at")
);
CREATE INDEX "idx_vetr_snapshots_ticker_recorded" ON "vetr_score_snapshots" ("stock_ticker", "recorded_at" DESC);
CREATE INDEX "idx_vetr_snapshots_recorded_at" ON "vetr_score_snapshots" ("recorded_at");

CREATE TABLE "red_flag_history" (
    "id" uuid PRIMARY KEY DEFAULT gen_random_uuid() NOT NULL,
    "stock_ticker" varchar(10) NOT NULL,
    "flag_type" varchar(50) NOT NULL,
    "severity" varchar(20) NOT NULL,
    "score" double precision NOT NULL,
    "description" text NOT NULL,
    "detected_at" timestamp DEFAULT now() NOT NULL
);
CREATE INDEX "idx_red_flag_history_ticker" ON "red_flag_history" ("stock_ticker");
CREATE INDEX "idx_red_flag_history_detected_at" ON "red_flag_history" ("detected_at");
CREATE INDEX "idx_red_flag_history_type" ON "red_flag_history" ("flag_type");

CREATE TABLE "red_flag_acknowledgments" (
    "id" uuid PRIMARY KEY DEFAULT gen_random_uuid() NOT NULL,
    "user_id" uuid NOT NULL,
    "red_flag_id" uuid NOT NULL,
    "acknowledged_at" timestamp DEFAULT now() NOT NULL,
    CONSTRAINT "uq_red_flag_ack_user_flag" UNIQUE ("user_id", "red_flag_id"),
    CONSTRAINT "red_flag_acknowledgments_user_id_users_id_fk"
        FOREIGN KEY ("user_id") REFERENCES "users" ("id") ON DELETE CASCADE,
    CONSTRAINT "red_flag_acknowledgments_red_flag_id_red_flag_history_id_fk"
        FOREIGN KEY ("red_flag_id") REFERENCES "red_flag_history" ("id") ON DELETE CASCADE
);
CREATE INDEX "idx_red_flag_ack_flag" ON "red_flag_acknowledgments" ("red_flag_id");

-- begin: cron_job_runs
CREATE TABLE "cron_job_runs" (
    "id" uuid PRIMARY KEY DEFAULT gen_random_uuid() NOT NULL,
    "job_name" varchar(50) NOT NULL,
    "status" varchar(20) NOT NULL,
    "stocks_processed" integer DEFAULT 0,
    "succeeded" integer DEFAULT 0,
    "failed_count" integer DEFAULT 0,
    "failures" jsonb,
    "chunk_offset" integer,
    "chunk_size" integer,
    "total_stocks" integer,
    "duration_ms" integer,
    "started_at" timestamp DEFAULT now() NOT NULL,
    "completed_at" timestamp,
    "error_message" text
);
CREATE INDEX "idx_cron_job_runs_job_name" ON "cron_job_runs" ("job_name");
CREATE INDEX "idx_cron_job_runs_started_at" ON "cron_job_runs" ("started_at");
INSERT INTO "cron_job_runs" ("job_name", "status", "stocks_processed", "succeeded", "failed_count", "failures", "started_at", "completed_at")
VALUES ('refresh-scores', 'completed', 100, 99, 1, '[{"ticker": "OLD", "error": "no price"}]', '2026-01-02 03:04:05.678', '2026-01-02 03:04:15.678'),
       ('refresh-red-flags', 'failed', NULL, NULL, NULL, NULL, '2026-01-02 03:05:05.678', '2026-01-02 03:05:06.678'),
       ('nightly-cleanup', 'running', 0, 0, 0, NULL, '2026-01-02 03:06:05.678', NULL);
-- end: cron_job_runs

CREATE VIEW "best_stocks" AS SELECT "ticker", "vetr_score" FROM "stocks" WHERE "vetr_score" >= 80;

CREATE FUNCTION touch_updated_at() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.updated_at := now();
    RETURN NEW;
END
$$;
CREATE TRIGGER "stocks_touch" BEFORE UPDATE ON "stocks" FOR EACH ROW EXECUTE FUNCTION touch_updated_at();
