-- What step 0014 runs. Frozen: a change of the schema is a new step.

-- name: register_local_day
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

-- name: register_local_view
-- register_energy_local_daily: what registers have counted by days of their own zone, added up from what each load wrote.
-- Needs: the days of every register (`joulehouse warehouse migrate` fills them). Safe on a live database: yes; it takes
-- the place of the view of step 0013, which is read from every interval.
DROP VIEW IF EXISTS register_energy_local_daily;
CREATE VIEW register_energy_local_daily AS
SELECT
    register_local_day.series_id,
    register_local_day.local_date,
    register_local_day.bucket_at,
    sum(register_local_day.amount ORDER BY register_local_day.partition_at) AS amount,
    series.unit,
    sum(register_local_day.n_intervals)::bigint AS n_intervals,
    sum(register_local_day.n_flagged)::bigint AS n_flagged
FROM register_local_day
INNER JOIN series USING (series_id)
GROUP BY register_local_day.series_id, register_local_day.local_date, register_local_day.bucket_at, series.unit;
COMMENT ON VIEW register_energy_local_daily IS
'What registers have counted by days of their own zone. An interval is booked to the day in which it ends, one that ends'
' at midnight to the day before.';
DO $$
BEGIN
    IF (SELECT count(*) FROM pg_roles WHERE rolname IN ('joulehouse_loader', 'joulehouse_reader')) < 2 THEN
        RETURN;
    END IF;
    GRANT SELECT ON register_energy_local_daily TO joulehouse_loader, joulehouse_reader;
END
$$;
