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
