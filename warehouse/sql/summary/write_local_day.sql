-- Parts of local days that are new or say something else now, from where they are staged.
INSERT INTO summary_local_day (
    series_id, partition_at, local_date, bucket_at, n_points, minimum, maximum, total, latest
)
SELECT
    series_id,
    partition_at,
    local_date,
    bucket_at,
    n_points,
    minimum,
    maximum,
    total,
    latest
FROM {staged}
ON CONFLICT (series_id, local_date, partition_at) DO UPDATE SET
    bucket_at = excluded.bucket_at,
    n_points = excluded.n_points,
    minimum = excluded.minimum,
    maximum = excluded.maximum,
    total = excluded.total,
    latest = excluded.latest;
