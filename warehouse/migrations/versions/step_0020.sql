-- What step 0020 runs. Frozen: a change of the schema is a new step.

-- name: series_day
-- The facts of series and days as a hypertable, and what the two roles may do with them.
-- Needs: the timescaledb extension. Safe on a live database: yes; it is new and empty.
SELECT create_hypertable('series_day', by_range('day', INTERVAL '28 days'), create_default_indexes => false);
DO $$
BEGIN
    IF (SELECT count(*) FROM pg_roles WHERE rolname IN ('joulehouse_loader', 'joulehouse_reader')) < 2 THEN
        RETURN;
    END IF;
    GRANT SELECT ON series_day TO joulehouse_loader, joulehouse_reader;
    GRANT INSERT, UPDATE, DELETE ON series_day TO joulehouse_loader;
END
$$;
