-- Nobody continues this pull. Its answers stay, as evidence.
UPDATE pull SET
    abandoned_at = clock_timestamp(),
    n_requests = n_requests + %(n_requests)s
WHERE pull_id = %(pull_id)s AND finished_at IS NULL AND abandoned_at IS NULL;
