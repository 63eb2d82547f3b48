-- The newest job that answers a question and was not landed. What was asked before a window had settled soon grows stale:
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
