-- register_local_day as a hypertable, and what the two roles may do with it.
-- Needs: the timescaledb extension. Safe on a live database: yes; it is new and empty.
SELECT create_hypertable(
    'register_local_day', by_range('local_date', INTERVAL '28 days'), create_default_indexes => false
);
DO $$
BEGIN
    IF (SELECT count(*) FROM pg_roles WHERE rolname IN ('joulehouse_loader', 'joulehouse_reader')) < 2 THEN
        RETURN;
    END IF;
    GRANT SELECT ON register_local_day TO joulehouse_loader, joulehouse_reader;
    GRANT INSERT, UPDATE, DELETE ON register_local_day TO joulehouse_loader;
END
$$;
