-- landing_zone, and payload as its index, whatever the pull. Run by warehouse/landing_zone.py and landing_index.py.

-- name: current
-- The id of the zone that the warehouse knows.
SELECT zone_id
FROM landing_zone
WHERE is_current;

-- name: lock
-- Of two processes that would make a zone the warehouse's, one waits until the other is done.
SELECT pg_advisory_xact_lock(hashtextextended('joulehouse landing zone', 0));

-- name: leave
-- No zone is the warehouse's; under the lock, and before another is.
UPDATE landing_zone SET is_current = FALSE
WHERE is_current;

-- name: make_current
-- This zone is the warehouse's, whether or not it was before.
INSERT INTO landing_zone (zone_id, is_current)
VALUES (%(zone_id)s, TRUE)
ON CONFLICT (zone_id) DO UPDATE SET
    is_current = TRUE;

-- name: known
-- The ids of all zones that there were, or are being made.
SELECT zone_id
FROM landing_zone;

-- name: note
-- A zone is being made, which is not the warehouse's yet.
INSERT INTO landing_zone (zone_id, is_current)
VALUES (%(zone_id)s, FALSE)
RETURNING zone_id;

-- name: now
-- The server's clock, which says when pulls ended.
SELECT clock_timestamp();

-- name: under_way
-- The number of pulls whose holder lives: it holds a lock on the pull's number, which the server shows in two halves.
SELECT count(*)
FROM pull
WHERE
    finished_at IS NULL
    AND abandoned_at IS NULL
    AND hashtextextended('joulehouse pull ' || pull_id, 0) IN (
        SELECT (classid::bigint << 32) | objid::bigint
        FROM pg_locks
        WHERE
            locktype = 'advisory'
            AND objsubid = 1
            AND granted
            AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
    );

-- name: is_current
-- Asked under the lock of a pull: from the moment on in which another zone is the warehouse's, no pull begins in this one.
SELECT EXISTS (
    SELECT
    FROM landing_zone
    WHERE zone_id = %(zone_id)s AND is_current
);

-- name: newest
-- The bodies that were indexed last.
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
ORDER BY payload.payload_id DESC
LIMIT 5;

-- name: indexed
-- The next bodies behind a payload's number, each once although many payloads may be it; of the windows that touch a span,
-- and of the pulls that were under way at an instant or later.
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
    AND (
        %(since)s::timestamptz IS NULL
        OR coalesce(pull.finished_at, pull.abandoned_at, 'infinity') >= %(since)s
    )
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
