-- The three tables of summaries as hypertables, and what the two roles may do with them.
-- Needs: the timescaledb extension. Safe on a live database: yes; they are new and empty.
SELECT create_hypertable('summary_hourly', by_range('bucket_at', INTERVAL '28 days'), create_default_indexes => false);
SELECT create_hypertable('summary_daily', by_range('bucket_at', INTERVAL '28 days'), create_default_indexes => false);
SELECT create_hypertable(
    'summary_local_day', by_range('local_date', INTERVAL '28 days'), create_default_indexes => false
);
DO $$
BEGIN
    IF (SELECT count(*) FROM pg_roles WHERE rolname IN ('joulehouse_loader', 'joulehouse_reader')) < 2 THEN
        RETURN;
    END IF;
    GRANT SELECT ON summary_hourly, summary_daily, summary_local_day, derived, derived_unit
    TO joulehouse_loader, joulehouse_reader;
    GRANT INSERT, UPDATE, DELETE ON summary_hourly, summary_daily, summary_local_day TO joulehouse_loader;
END
$$;
