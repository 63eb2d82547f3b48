-- Points that the payloads no longer say. Literal times and series, as everywhere.
DELETE FROM {points} AS held
USING {difference} AS gone
WHERE
    gone.new IS NULL
    AND held.series_id = gone.series_id
    AND held.measured_at = gone.measured_at
    AND held.series_id = ANY({series_ids}::integer [])
    AND held.measured_at >= {start}
    AND held.measured_at < {end};
