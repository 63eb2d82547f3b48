-- What this attempt asked; the next one goes on from there.
UPDATE pull SET
    n_requests = n_requests + %(n_requests)s
WHERE pull_id = %(pull_id)s AND finished_at IS NULL AND abandoned_at IS NULL;
