-- The same for texts.
UPDATE state AS held
SET value = said.value
FROM unnest(%(series_ids)s::integer [], %(instants)s::timestamptz [], %(values)s::text [])
    AS said (series_id, measured_at, value)
INNER JOIN live_point USING (series_id, measured_at)
WHERE
    held.series_id = said.series_id
    AND held.measured_at = said.measured_at
    AND held.measured_at >= %(first)s
    AND held.measured_at <= %(last)s
    AND held.value IS DISTINCT FROM said.value;
