-- Summaries of hours that are new or say something else now, from where they are staged.
INSERT INTO summary_hourly (series_id, bucket_at, n_points, minimum, maximum, total, latest)
SELECT
    series_id,
    bucket_at,
    n_points,
    minimum,
    maximum,
    total,
    latest
FROM {staged}
ON CONFLICT (series_id, bucket_at) DO UPDATE SET
    n_points = excluded.n_points,
    minimum = excluded.minimum,
    maximum = excluded.maximum,
    total = excluded.total,
    latest = excluded.latest;
