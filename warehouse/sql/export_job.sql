-- export_job: the ledger of ordered exports. Run by warehouse/export_jobs.py.

-- name: hold_slot
-- The tenant's slot, of which there is one. The lock lasts as long as the session; nobody waits here, because a job takes minutes.
SELECT pg_try_advisory_lock(hashtextextended('joulehouse export ' || %(tenant)s, 0));

-- name: free_slot
-- The next one may order.
SELECT pg_advisory_unlock(hashtextextended('joulehouse export ' || %(tenant)s, 0));

-- name: ready
-- The newest job that answers a request and was not landed. What was asked before a window had settled soon grows stale:
-- only the crash of an hour is mended with it, counted from when it was said to be there, however long that took.
SELECT
    export_job_id,
    source,
    request_sha256,
    state,
    provider_job,
    provider_state,
    extract(EPOCH FROM clock_timestamp() - ordered_at) AS age_seconds,
    extract(EPOCH FROM clock_timestamp() - seen_at) AS unseen_seconds
FROM export_job
WHERE
    tenant = %(tenant)s
    AND request_sha256 = %(sha256)s
    AND state = 'completed'
    AND (
        seen_at > clock_timestamp() - %(fresh)s
        OR (ordered_at > window_end + %(settled)s AND ordered_at > clock_timestamp() - %(kept)s)
    )
ORDER BY export_job_id DESC
LIMIT 1;

-- name: unhappy
-- How the newest job with a request that came to an end ended, and how long ago. One without a name was waited out.
SELECT
    state,
    extract(EPOCH FROM clock_timestamp() - seen_at) AS unseen_seconds
FROM export_job
WHERE
    tenant = %(tenant)s
    AND request_sha256 = %(sha256)s
    AND (state IN ('completed', 'landed', 'failed') OR (state = 'lost' AND provider_job IS NOT NULL))
ORDER BY export_job_id DESC
LIMIT 1;

-- name: intend
-- A job that is about to be ordered: written down before the request is sent, because no list of jobs can be asked for.
INSERT INTO export_job (source, tenant, part, window_start, window_end, request, request_sha256, state)
VALUES (
    %(source)s, %(tenant)s, %(part)s, %(start)s, %(end)s, %(request)s, %(sha256)s, 'intended'
)
RETURNING export_job_id;

-- name: sent
-- The order is sent next, unless its intention has ended: of this and `cancelled`, one finds the row and the other does not.
UPDATE export_job SET
    state = 'sent',
    ordered_at = clock_timestamp(),
    seen_at = clock_timestamp()
WHERE export_job_id = %(number)s AND state = 'intended'
RETURNING export_job_id;

-- name: taken
-- The provider has taken the job, and this is its name there.
UPDATE export_job SET
    state = 'pending',
    provider_job = %(provider_job)s,
    provider_state = %(provider_state)s,
    seen_at = clock_timestamp()
WHERE export_job_id = %(number)s;

-- name: seen
-- The provider is still at it.
UPDATE export_job SET
    provider_state = %(provider_state)s,
    n_polls = n_polls + 1,
    seen_at = clock_timestamp()
WHERE export_job_id = %(number)s;

-- name: ended
-- The job has come to an end, or to its archive. One that was landed meanwhile stays so.
UPDATE export_job SET
    state = %(state)s,
    sentence = %(sentence)s,
    seen_at = clock_timestamp()
WHERE export_job_id = %(number)s AND state <> 'landed';

-- name: fetched
-- What was fetched of a job, and found to be whole. Nothing new was said: its values are as old as they were.
UPDATE export_job SET
    archive_sha256 = %(archive_sha256)s,
    archive_bytes = %(archive_bytes)s
WHERE export_job_id = %(number)s;

-- name: landed
-- What answers this request has served.
UPDATE export_job SET state = 'landed'
WHERE tenant = %(tenant)s AND request_sha256 = %(sha256)s AND state = 'completed';

-- name: cancelled
-- Whoever intended the job is gone, and the order was not sent: now it never is, however late somebody comes to send it.
UPDATE export_job SET
    state = 'refused',
    sentence = 'never sent: the run that intended it was gone',
    seen_at = clock_timestamp()
WHERE export_job_id = %(number)s AND state = 'intended'
RETURNING export_job_id;

-- name: alive
-- Jobs of a tenant that the provider may be working at, the oldest first.
SELECT
    export_job_id,
    source,
    request_sha256,
    state,
    provider_job,
    provider_state,
    extract(EPOCH FROM clock_timestamp() - ordered_at) AS age_seconds,
    extract(EPOCH FROM clock_timestamp() - seen_at) AS unseen_seconds
FROM export_job
WHERE tenant = %(tenant)s AND state IN ('intended', 'sent', 'pending')
ORDER BY export_job_id;
