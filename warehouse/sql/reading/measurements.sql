-- The numbers of a source inside a window, fixed in width, for a binary COPY. Literal times and series.
COPY (
    SELECT
        series_id,
        measured_at,
        value
    FROM measurement
    WHERE series_id = ANY({series_ids}::integer []) AND measured_at >= {start} AND measured_at < {end}
    ORDER BY series_id, measured_at
) TO STDOUT (FORMAT BINARY);
