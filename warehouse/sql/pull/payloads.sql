-- The index of one pull, as far as it touches a window, in the order of parts and pages. Parts sort by their bytes, the same on every server.
SELECT
    endpoint,
    params,
    window_start,
    window_end,
    part,
    page,
    received_at,
    media_type,
    sha256,
    n_bytes,
    proof,
    path
FROM payload
WHERE pull_id = %(pull_id)s AND window_start < %(end)s AND window_end > %(start)s
ORDER BY part COLLATE "C", page;
