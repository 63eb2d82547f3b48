-- The same for texts.
INSERT INTO state (series_id, measured_at, value)
SELECT
    series_id,
    measured_at,
    value
FROM unnest(%(series_ids)s::integer [], %(instants)s::timestamptz [], %(values)s::text [])
    AS said (series_id, measured_at, value)
ORDER BY series_id, measured_at
ON CONFLICT (series_id, measured_at) DO NOTHING
RETURNING series_id, measured_at;
