-- Buckets of summary_daily that have become empty. Literal times, so that other chunks are never opened.
DELETE FROM summary_daily
USING unnest(%(series_ids)s::integer [], %(instants)s::timestamptz []) AS gone (series_id, bucket_at)
WHERE
    summary_daily.series_id = gone.series_id
    AND summary_daily.bucket_at = gone.bucket_at
    AND summary_daily.bucket_at >= {start}
    AND summary_daily.bucket_at < {end};
