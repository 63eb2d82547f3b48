-- Rows of a source that were rejected while loading some part of a window.
SELECT
    window_start,
    window_end,
    series_key,
    reason,
    payload_sha256,
    raw,
    n_rows,
    first_seen_at,
    last_seen_at,
    first_load_id,
    last_load_id
FROM rejected
WHERE source = %(source)s AND window_start < %(end)s AND window_end > %(start)s
ORDER BY rejected_id;
