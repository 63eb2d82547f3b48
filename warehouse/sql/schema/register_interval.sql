-- register_interval: the intervals of registers, written by the load that touches their readings. Partitioned by the end
-- of an interval, because that is the day to which it is booked.
-- Needs: the timescaledb extension. Safe on a live database: yes; it is new and empty.
SELECT create_hypertable('register_interval', by_range('ended_at', INTERVAL '7 days'), create_default_indexes => false);
DO $$
BEGIN
    IF current_setting('timescaledb.license') = 'timescale' THEN
        EXECUTE 'ALTER TABLE register_interval SET (timescaledb.enable_columnstore = true,'
            ' timescaledb.segmentby = ''series_id'', timescaledb.orderby = ''ended_at'')';
        CALL add_columnstore_policy('register_interval', after => INTERVAL '14 days');
    END IF;
    IF (SELECT count(*) FROM pg_roles WHERE rolname IN ('joulehouse_loader', 'joulehouse_reader')) < 2 THEN
        RETURN;
    END IF;
    GRANT SELECT ON register_interval TO joulehouse_loader, joulehouse_reader;
    GRANT INSERT, UPDATE, DELETE ON register_interval TO joulehouse_loader;
END
$$;
