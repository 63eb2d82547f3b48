-- One answer of a pull, and the part now stands behind its page: one statement, since every answer waits for it. The same
-- page again replaces itself: its first keeping may have outlived its process.
WITH kept AS (
    INSERT INTO payload (
        pull_id, part, page, endpoint, params, window_start, window_end, sha256, n_bytes, received_at, media_type, proof,
        path
    )
    VALUES (
        %(pull_id)s, %(part)s, %(page)s, %(endpoint)s, %(params)s, %(start)s, %(end)s, %(sha256)s, %(n_bytes)s,
        %(received_at)s, %(media_type)s, %(proof)s, %(path)s
    )
    ON CONFLICT (pull_id, part, page) DO UPDATE SET
        endpoint = excluded.endpoint,
        params = excluded.params,
        window_start = excluded.window_start,
        window_end = excluded.window_end,
        sha256 = excluded.sha256,
        n_bytes = excluded.n_bytes,
        received_at = excluded.received_at,
        media_type = excluded.media_type,
        proof = excluded.proof,
        path = excluded.path
    RETURNING pull_id, part, page
)
INSERT INTO checkpoint (pull_id, part, page, cursor)
SELECT pull_id, part, page, %(cursor)s
FROM kept
ON CONFLICT (pull_id, part) DO UPDATE SET
    page = excluded.page,
    cursor = excluded.cursor,
    moved_at = clock_timestamp();
