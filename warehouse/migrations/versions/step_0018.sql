-- What step 0018 runs. Frozen: a change of the schema is a new step.

-- name: measurement_hourly
-- measurement_hourly: the hours of days of many points as the loads have written them, and those of few from the points.
-- Needs: every summary is there (`joulehouse warehouse migrate` fills them). Safe on a live database: yes; the view is
-- replaced, and readers keep their rights.
--
-- Series by series, so that what is asked for (series, hours) is what is read: joined with its days, one series cost a
-- look at each of its points for each day of its history. A series without any hour that is written has few points on
-- every day (OFFSET 0: asked once for a series, and not for each branch below). Of the others the days of few are looked up,
-- so that no point of a day of many is read.
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
    series.series_id,
    added_up.bucket_at,
    added_up.n_points,
    added_up.total / added_up.n_points AS mean,
    added_up.minimum,
    added_up.maximum,
    added_up.total,
    added_up.latest
FROM series
CROSS JOIN LATERAL (
    SELECT EXISTS (SELECT FROM summary_hourly WHERE summary_hourly.series_id = series.series_id) AS has_hours
    OFFSET 0
) AS known
CROSS JOIN LATERAL (
    SELECT
        '-infinity'::timestamptz AS begin_at,
        'infinity'::timestamptz AS end_at
    WHERE NOT known.has_hours
    UNION ALL
    SELECT
        summary_daily.bucket_at,
        summary_daily.bucket_at + INTERVAL '24 hours'
    FROM summary_daily
    WHERE known.has_hours AND summary_daily.series_id = series.series_id AND summary_daily.n_points <= 96
) AS span
CROSS JOIN LATERAL (
    SELECT
        time_bucket(INTERVAL '1 hour', measurement.measured_at) AS bucket_at,
        count(*) AS n_points,
        min(measurement.value) AS minimum,
        max(measurement.value) AS maximum,
        sum(measurement.value) AS total,
        last(measurement.value, measurement.measured_at) AS latest
    FROM measurement
    WHERE
        measurement.series_id = series.series_id
        AND measurement.measured_at >= span.begin_at
        AND measurement.measured_at < span.end_at
    GROUP BY time_bucket(INTERVAL '1 hour', measurement.measured_at)
) AS added_up;
