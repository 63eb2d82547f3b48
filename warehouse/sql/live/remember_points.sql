-- Points that a stream has put, and no load has confirmed yet.
INSERT INTO live_point (series_id, measured_at)
SELECT
    series_id,
    measured_at
FROM unnest(%(series_ids)s::integer [], %(instants)s::timestamptz []) AS put (series_id, measured_at)
ON CONFLICT (series_id, measured_at) DO NOTHING;
