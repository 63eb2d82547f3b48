-- Hourly and daily summaries as plain views: the Apache edition has no continuous aggregates.
-- Needs: time_bucket. Safe on a live database: yes.
CREATE VIEW measurement_hourly AS
SELECT
    series_id,
    time_bucket(INTERVAL '1 hour', measured_at) AS bucket_at,
    count(*) AS n_points,
    avg(value) AS mean,
    min(value) AS minimum,
    max(value) AS maximum,
    sum(value) AS total,
    last(value, measured_at) AS latest
FROM measurement
GROUP BY series_id, bucket_at;
CREATE VIEW measurement_daily AS
SELECT
    series_id,
    time_bucket(INTERVAL '1 day', measured_at) AS bucket_at,
    count(*) AS n_points,
    avg(value) AS mean,
    min(value) AS minimum,
    max(value) AS maximum,
    sum(value) AS total,
    last(value, measured_at) AS latest
FROM measurement
GROUP BY series_id, bucket_at;
