-- Buckets of summary_hourly that have become empty. Literal times, so that other chunks are never opened.
DELETE FROM summary_hourly
USING unnest(%(series_ids)s::integer [], %(instants)s::timestamptz []) AS gone (series_id, bucket_at)
WHERE
    summary_hourly.series_id = gone.series_id
    AND summary_hourly.bucket_at = gone.bucket_at
    AND summary_hourly.bucket_at >= {start}
    AND summary_hourly.bucket_at < {end};
