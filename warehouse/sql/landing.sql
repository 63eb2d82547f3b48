-- payload as the index of the landing zone, whatever the pull. Run by warehouse/landing_zone.py.

-- name: indexed
-- The next bodies behind a payload's number, each once although many payloads may be it; of the windows that touch a span.
SELECT
    payload.payload_id,
    pull.source,
    payload.path,
    payload.sha256,
    payload.n_bytes,
    payload.window_start,
    payload.window_end
FROM payload
INNER JOIN pull USING (pull_id)
WHERE
    payload.payload_id > %(after)s
    AND (%(source)s::text IS NULL OR pull.source = %(source)s)
    AND payload.window_start < %(end)s
    AND payload.window_end > %(start)s
    AND NOT EXISTS (
        SELECT
        FROM payload AS earlier
        WHERE
            earlier.sha256 = payload.sha256
            AND earlier.path = payload.path
            AND earlier.payload_id < payload.payload_id
            AND earlier.window_start < %(end)s
            AND earlier.window_end > %(start)s
    )
ORDER BY payload.payload_id
LIMIT 1000;
