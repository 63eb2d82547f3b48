-- Points of a stream that the payloads say at a finer time: removed, and nothing of them is kept, because nothing is lost.
-- Literal times and series, so that only the chunks and segments of these points are touched.
DELETE FROM {points} AS held
USING {staged} AS repeated
WHERE
    held.series_id = repeated.series_id
    AND held.measured_at = repeated.measured_at
    AND held.series_id = ANY({series_ids}::integer [])
    AND held.measured_at >= {start}
    AND held.measured_at < {end};
