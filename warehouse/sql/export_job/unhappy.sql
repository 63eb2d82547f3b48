-- How the newest job with a question that came to an end ended, and how long ago. One without a name was waited out.
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
