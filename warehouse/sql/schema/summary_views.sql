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
