-- What step 0010 runs. Frozen: a change of the schema is a new step.

-- name: register_interval
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

-- name: register_energy
-- register_energy: what registers have counted, read from where the loads have written it.
-- Needs: the intervals of every register (`warehouse fill`). Safe on a live database: yes; the view is replaced, and
-- readers keep their rights.
CREATE OR REPLACE VIEW register_energy AS
SELECT
    register_interval.series_id,
    register_interval.measured_at,
    register_interval.ended_at,
    register_interval.amount,
    series.unit,
    register_interval.flag
FROM register_interval
INNER JOIN series USING (series_id);
COMMENT ON VIEW register_energy IS 'What registers have counted between two readings, and why one does not follow.';
