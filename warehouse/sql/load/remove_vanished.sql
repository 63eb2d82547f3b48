-- Points that the payloads no longer say: removed, and kept with the load that removes them. Literal times and series,
-- so that only the chunks and segments of these points are touched.
WITH gone AS (
    DELETE FROM {points} AS held
    USING {staged} AS vanished
    WHERE
        held.series_id = vanished.series_id
        AND held.measured_at = vanished.measured_at
        AND held.series_id = ANY({series_ids}::integer [])
        AND held.measured_at >= {start}
        AND held.measured_at < {end}
    RETURNING held.series_id, held.measured_at, held.value
)
INSERT INTO measurement_revision (series_id, measured_at, {kept_as}, change, load_id)
SELECT
    series_id,
    measured_at,
    value,
    'removed',
    %(load_id)s
FROM gone;
