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
