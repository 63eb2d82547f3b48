-- What was there before a change, kept with the load that changes it. The old value is read from the table itself.
INSERT INTO measurement_revision (series_id, measured_at, {kept_as}, change, load_id)
SELECT
    held.series_id,
    held.measured_at,
    held.value,
    'changed',
    %(load_id)s
FROM {points} AS held
INNER JOIN {staged} AS staged USING (series_id, measured_at)
WHERE
    held.series_id = ANY({series_ids}::integer [])
    AND held.measured_at >= {start}
    AND held.measured_at < {end};
