-- Numbers of a live stream: where nothing is, they are put; what is there already is left as it is.
-- Those that were put are returned. Needs: the lock of the days they lie in.
INSERT INTO measurement (series_id, measured_at, value)
SELECT
    series_id,
    measured_at,
    value
FROM unnest(%(series_ids)s::integer [], %(instants)s::timestamptz [], %(values)s::double precision [])
    AS said (series_id, measured_at, value)
ORDER BY series_id, measured_at
ON CONFLICT (series_id, measured_at) DO NOTHING
RETURNING series_id, measured_at;
