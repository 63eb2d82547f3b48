-- What step 0013 runs. Frozen: a change of the schema is a new step.

-- name: summary_tables
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

-- name: register_energy_local_daily
-- register_energy_local_daily: what registers have counted by days of their own zone. An interval is booked to the day in
-- which it ends; one that ends at midnight belongs to the day before.
-- Needs: the view register_energy. Safe on a live database: yes; it is new.
CREATE OR REPLACE VIEW register_energy_local_daily AS
SELECT
    register_energy.series_id,
    ((register_energy.ended_at - INTERVAL '1 microsecond') AT TIME ZONE series.time_zone)::date AS local_date,
    count(*) AS n_intervals,
    sum(register_energy.amount) AS amount,
    register_energy.unit,
    count(*) FILTER (WHERE register_energy.flag <> 'measured') AS n_flagged
FROM register_energy
INNER JOIN series USING (series_id)
GROUP BY register_energy.series_id, local_date, register_energy.unit;
COMMENT ON VIEW register_energy_local_daily IS 'What registers have counted by days of their own zone, booked by ended_at.';
DO $$
BEGIN
    IF (SELECT count(*) FROM pg_roles WHERE rolname IN ('joulehouse_loader', 'joulehouse_reader')) < 2 THEN
        RETURN;
    END IF;
    GRANT SELECT ON register_energy_local_daily TO joulehouse_loader, joulehouse_reader;
END
$$;

-- name: summary_views
-- Hourly and daily summaries as plain views over what the loads have written: right at commit, on both editions.
-- Needs: every summary is there (`joulehouse warehouse migrate` fills them). Safe on a live database: yes.
-- A series of at most 96 points on a day has no hourly rows for it: its points are as quickly added up.
CREATE OR REPLACE VIEW measurement_hourly AS
SELECT
    series_id,
    bucket_at,
    n_points::bigint AS n_points,
    total / n_points AS mean,
    minimum,
    maximum,
    total,
    latest
FROM summary_hourly
UNION ALL
SELECT
    measurement.series_id,
    time_bucket(INTERVAL '1 hour', measurement.measured_at) AS bucket_at,
    count(*) AS n_points,
    sum(measurement.value) / count(*) AS mean,
    min(measurement.value) AS minimum,
    max(measurement.value) AS maximum,
    sum(measurement.value) AS total,
    last(measurement.value, measurement.measured_at) AS latest
FROM measurement
INNER JOIN summary_daily
    ON
        measurement.series_id = summary_daily.series_id
        AND time_bucket(INTERVAL '1 day', measurement.measured_at) = summary_daily.bucket_at
WHERE summary_daily.n_points <= 96
GROUP BY measurement.series_id, time_bucket(INTERVAL '1 hour', measurement.measured_at);
CREATE OR REPLACE VIEW measurement_daily AS
SELECT
    series_id,
    bucket_at,
    n_points::bigint AS n_points,
    total / n_points AS mean,
    minimum,
    maximum,
    total,
    latest
FROM summary_daily;
DO $$
BEGIN
    IF (SELECT count(*) FROM pg_roles WHERE rolname IN ('joulehouse_loader', 'joulehouse_reader')) < 2 THEN
        RETURN;
    END IF;
    GRANT SELECT ON measurement_hourly, measurement_daily TO joulehouse_loader, joulehouse_reader;
END
$$;

-- name: summary_local_views
-- Days of the series' own zone, added up from the parts that each UTC partition wrote.
-- Needs: every part is there (`joulehouse warehouse migrate` fills them). Safe on a live database: yes; it is new.
CREATE OR REPLACE VIEW measurement_local_daily AS
SELECT
    series_id,
    local_date,
    bucket_at,
    sum(n_points)::bigint AS n_points,
    sum(total ORDER BY partition_at) / sum(n_points) AS mean,
    min(minimum) AS minimum,
    max(maximum) AS maximum,
    sum(total ORDER BY partition_at) AS total,
    last(latest, partition_at) AS latest
FROM summary_local_day
GROUP BY series_id, local_date, bucket_at;
COMMENT ON VIEW measurement_local_daily IS
'Days of the series'' own zone: 23 to 25 hours. bucket_at is the instant at which local_date begins.';

DO $$
BEGIN
    IF (SELECT count(*) FROM pg_roles WHERE rolname IN ('joulehouse_loader', 'joulehouse_reader')) < 2 THEN
        RETURN;
    END IF;
    GRANT SELECT ON measurement_local_daily TO joulehouse_loader, joulehouse_reader;
END
$$;
