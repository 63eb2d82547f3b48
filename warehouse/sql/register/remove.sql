-- Intervals that are judged otherwise now, or whose readings are gone. Literal times and series, so that only the chunks
-- and segments of these intervals are touched.
DELETE FROM register_interval AS stored
USING unnest(%(ids)s::integer [], %(ends)s::timestamptz []) AS gone (series_id, ended_at)
WHERE
    stored.series_id = gone.series_id
    AND stored.ended_at = gone.ended_at
    AND stored.series_id = ANY({series_ids}::integer [])
    AND stored.ended_at >= {start}
    AND stored.ended_at < {end};
