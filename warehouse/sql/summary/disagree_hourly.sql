-- Buckets of measurement_hourly that are not what a plain GROUP BY over the points says: counts, minimum, maximum and latest
-- exactly, total and mean to 1e-12 of the sum of magnitudes. Literal times and series.
WITH plain AS (
    SELECT
        series_id,
        time_bucket(INTERVAL '1 hour', measured_at) AS bucket_at,
        count(*) AS n_points,
        min(value) AS minimum,
        max(value) AS maximum,
        sum(value) AS total,
        sum(abs(value)) AS magnitude,
        last(value, measured_at) AS latest
    FROM measurement
    WHERE series_id = ANY({series_ids}::integer []) AND measured_at >= {start} AND measured_at < {end}
    GROUP BY series_id, time_bucket(INTERVAL '1 hour', measured_at)
),
said AS (
    SELECT *
    FROM measurement_hourly
    WHERE series_id = ANY({series_ids}::integer []) AND bucket_at >= {start} AND bucket_at < {end}
)
SELECT
    series_id,
    bucket_at::text AS bucket
FROM plain
FULL JOIN said USING (series_id, bucket_at)
WHERE
    (plain.n_points, plain.minimum, plain.maximum, plain.latest)
    IS DISTINCT FROM (said.n_points, said.minimum, said.maximum, said.latest)
    OR NOT abs(plain.total - said.total) <= 1e-12 * plain.magnitude
    OR NOT abs(plain.total / plain.n_points - said.mean) <= 1e-12 * plain.magnitude
ORDER BY series_id, bucket_at;
