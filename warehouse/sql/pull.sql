-- pull, payload, checkpoint: the landing zone's index. Run by warehouse/pulls.py.

-- name: begin
-- A fresh pull, locked before anybody else can see it: the lock is taken inside the statement, the row shows after it.
WITH fresh AS (
    INSERT INTO pull (source, window_start, window_end, fingerprint)
    VALUES (%(source)s, %(start)s, %(end)s, %(fingerprint)s)
    RETURNING pull_id
)
SELECT
    pull_id,
    pg_try_advisory_lock(hashtextextended('joulehouse pull ' || pull_id, 0))
FROM fresh;

-- name: unfinished
-- The newest interrupted pull of exactly this window that is worth continuing: begun within 24 hours, for the same
-- request to the same provider, not given up, and not overtaken: no complete pull came between its pages and those
-- that are still to come, else the older half would be taken for newer than that one.
SELECT pull.pull_id
FROM pull
WHERE
    pull.source = %(source)s
    AND pull.window_start = %(start)s
    AND pull.window_end = %(end)s
    AND pull.fingerprint = %(fingerprint)s
    AND pull.finished_at IS NULL
    AND pull.abandoned_at IS NULL
    AND pull.started_at > clock_timestamp() - INTERVAL '24 hours'
    AND NOT EXISTS (
        SELECT FROM pull AS complete
        WHERE
            complete.source = pull.source
            AND complete.finished_at > pull.started_at
            AND complete.window_start < pull.window_end
            AND complete.window_end > pull.window_start
    )
ORDER BY pull.pull_id DESC
LIMIT 1;

-- name: take_over
-- Take over an interrupted pull: only if no living session holds it. The lock lasts as long as the session.
SELECT pg_try_advisory_lock(hashtextextended('joulehouse pull ' || %(pull_id)s::bigint, 0));

-- name: is_unfinished
-- Asked again under the lock: whoever held the pull may have finished or abandoned it meanwhile.
SELECT finished_at IS NULL AND abandoned_at IS NULL
FROM pull
WHERE pull_id = %(pull_id)s;

-- name: release
-- Nobody needs to keep away from a pull that nobody works at.
SELECT pg_advisory_unlock(hashtextextended('joulehouse pull ' || %(pull_id)s::bigint, 0));

-- name: progress
-- How far each part of a pull has come.
SELECT
    part,
    page,
    cursor
FROM checkpoint
WHERE pull_id = %(pull_id)s;

-- name: keep
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

-- name: known_bodies
-- What was kept of a window in any pull: an object store is asked for no other before it is put.
SELECT DISTINCT payload.sha256
FROM pull
INNER JOIN payload USING (pull_id)
WHERE
    pull.source = %(source)s
    AND pull.window_start < %(end)s
    AND pull.window_end > %(start)s
    AND payload.window_start < %(end)s
    AND payload.window_end > %(start)s;

-- name: forget_part
-- The listing began anew: what its earlier pages said no longer counts. Their bytes stay in the landing zone.
DELETE FROM payload
WHERE pull_id = %(pull_id)s AND part = %(part)s;

-- name: is_overtaken
-- Whether some days of a pull of several days were asked for in another pull that was finished since this one began: what
-- this one says of them is older, and finished later it would be taken for newer. One that covers all of this one is as
-- old or newer throughout.
SELECT EXISTS (
    SELECT
    FROM pull
    INNER JOIN pull AS complete USING (source)
    WHERE
        pull.pull_id = %(pull_id)s
        AND pull.window_end - pull.window_start > INTERVAL '1 day'
        AND complete.finished_at > pull.started_at
        AND complete.window_start < pull.window_end
        AND complete.window_end > pull.window_start
        AND NOT (complete.window_start <= pull.window_start AND complete.window_end >= pull.window_end)
);

-- name: finish
-- The pull is complete from now on, and the newest of all. Only once: a pull that has ended already gives no row.
UPDATE pull SET
    finished_at = clock_timestamp(),
    finish_number = nextval('pull_finish_number'),
    n_requests = pull.n_requests + %(n_requests)s,
    n_payloads = kept.n_payloads,
    n_bytes = kept.n_bytes
FROM (
    SELECT
        count(*) AS n_payloads,
        coalesce(sum(n_bytes), 0) AS n_bytes
    FROM payload
    WHERE pull_id = %(pull_id)s
) AS kept
WHERE pull.pull_id = %(pull_id)s AND pull.finished_at IS NULL AND pull.abandoned_at IS NULL
RETURNING pull.n_payloads, pull.n_bytes, pull.n_requests;

-- name: clear_checkpoints
-- A pull that has ended stands nowhere.
DELETE FROM checkpoint
WHERE pull_id = %(pull_id)s;

-- name: pause
-- What this attempt asked; the next one goes on from there.
UPDATE pull SET
    n_requests = n_requests + %(n_requests)s
WHERE pull_id = %(pull_id)s AND finished_at IS NULL AND abandoned_at IS NULL;

-- name: abandon
-- Nobody continues this pull. Its answers stay, as evidence.
UPDATE pull SET
    abandoned_at = clock_timestamp(),
    n_requests = n_requests + %(n_requests)s
WHERE pull_id = %(pull_id)s AND finished_at IS NULL AND abandoned_at IS NULL;

-- name: newest_complete
-- The newest complete pull of a source that covers a window: the one finished last.
SELECT pull_id
FROM pull
WHERE
    source = %(source)s AND window_start <= %(start)s AND window_end >= %(end)s AND finished_at IS NOT NULL
ORDER BY finish_number DESC
LIMIT 1;

-- name: payloads
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

-- name: finished_to_reuse
-- The newest pull of a source that touches a window, if it can be loaded as it is: it is finished, asked for exactly this
-- window and this request, is no older than is given, and some day of it has no outcome. An outcome is a load of this
-- very pull, committed or failed, or a failure since then that came before any load: a killed process leaves neither.
-- A clock that was set back makes nothing young.
SELECT
    newest.pull_id,
    newest.n_payloads,
    newest.n_bytes,
    extract(EPOCH FROM newest.age) AS age_seconds
FROM (
    SELECT
        pull.*,
        clock_timestamp() - pull.finished_at AS age
    FROM pull
    WHERE
        pull.source = %(source)s
        AND pull.window_start < %(end)s
        AND pull.window_end > %(start)s
        AND pull.finished_at IS NOT NULL
    ORDER BY pull.finish_number DESC
    LIMIT 1
) AS newest
WHERE
    newest.window_start = %(start)s
    AND newest.window_end = %(end)s
    AND newest.fingerprint = %(fingerprint)s
    AND newest.age BETWEEN INTERVAL '0' AND %(longest)s
    AND EXISTS (
        SELECT asked.day_start
        FROM generate_series(
            date_trunc('day', %(start)s::timestamptz), %(end)s::timestamptz - INTERVAL '1 microsecond', INTERVAL '24 hours'
        ) AS asked (day_start)
        EXCEPT
        SELECT known.day_start
        FROM load
        CROSS JOIN LATERAL generate_series(
            date_trunc('day', load.window_start), load.window_end - INTERVAL '1 microsecond', INTERVAL '24 hours'
        ) AS known (day_start)
        WHERE
            load.source = %(source)s
            AND load.window_start < %(end)s
            AND load.window_end > %(start)s
            AND (
                load.pull_id = newest.pull_id
                OR (load.pull_id IS NULL AND load.status = 'failed' AND load.loaded_at >= newest.finished_at)
            )
    );
