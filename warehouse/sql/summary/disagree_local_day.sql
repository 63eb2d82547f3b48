-- The same for the parts of local days that one UTC day has. Where a zone has its midnights comes with the question: one
-- database of zones decides, and it is not the server's.
WITH plain AS (
    SELECT
        measurement.series_id,
        stretch.local_date,
        count(*) AS n_points,
        min(measurement.value) AS minimum,
        max(measurement.value) AS maximum,
        sum(measurement.value) AS total,
        sum(abs(measurement.value)) AS magnitude,
        last(measurement.value, measurement.measured_at) AS latest
    FROM measurement
    INNER JOIN series USING (series_id)
    INNER JOIN
        unnest(%(zones)s::text [], %(dates)s::date [], %(begins)s::timestamptz [], %(ends)s::timestamptz [])
            AS stretch (time_zone, local_date, begun_at, ended_at)
        ON
            series.time_zone = stretch.time_zone
            AND measurement.measured_at >= stretch.begun_at
            AND measurement.measured_at < stretch.ended_at
    WHERE
        measurement.series_id = ANY({series_ids}::integer [])
        AND measurement.measured_at >= {start}
        AND measurement.measured_at < {end}
    GROUP BY measurement.series_id, stretch.local_date
),
said AS (
    SELECT *
    FROM summary_local_day
    WHERE
        series_id = ANY({series_ids}::integer [])
        AND partition_at >= {start}
        AND partition_at < {end}
        AND local_date >= {first}::date
        AND local_date <= {last}::date
)
SELECT
    series_id,
    local_date::text || ' (local)' AS bucket
FROM plain
FULL JOIN said USING (series_id, local_date)
WHERE
    (plain.n_points, plain.minimum, plain.maximum, plain.latest)
    IS DISTINCT FROM (said.n_points, said.minimum, said.maximum, said.latest)
    OR NOT abs(plain.total - said.total) <= 1e-12 * plain.magnitude
ORDER BY series_id, local_date;
