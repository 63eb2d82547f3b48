-- run_lease: which process works on which run. Run by warehouse/run_leases.py. Every instant is the server's.

-- name: hold
-- Claim a run, or say again that it is worked on. No row where another process has it, or it was given up. A row that a
-- fail-over has lost is written anew; a claim whose answer was lost is the same claim.
INSERT INTO run_lease (run_id, holder, claimed_at, renewed_at)
VALUES (%(run_id)s, %(holder)s, clock_timestamp(), clock_timestamp())
ON CONFLICT (run_id) DO UPDATE
SET renewed_at = clock_timestamp()
WHERE run_lease.holder = excluded.holder AND run_lease.lost_at IS NULL
RETURNING run_id;

-- name: of_runs
-- The leases of these runs, and what time it is: one row without a run at least.
SELECT
    clock_timestamp() AS seen_at,
    run_lease.run_id,
    run_lease.holder,
    run_lease.renewed_at,
    run_lease.lost_at
FROM (VALUES (1)) AS always (one)
LEFT JOIN run_lease ON run_lease.run_id = any(%(run_ids)s);

-- name: give_up
-- Give a run up, unless its process has said something since it was looked at. Nobody can claim it any more.
INSERT INTO run_lease (run_id, holder, claimed_at, renewed_at, lost_at)
VALUES (%(run_id)s, '', clock_timestamp(), clock_timestamp(), clock_timestamp())
ON CONFLICT (run_id) DO UPDATE
SET lost_at = coalesce(run_lease.lost_at, clock_timestamp())
WHERE run_lease.lost_at IS NOT NULL OR run_lease.renewed_at = %(renewed_at)s
RETURNING run_id;

-- name: forget
-- Leases that nobody has renewed for weeks: their runs have ended, and no task is delivered so late.
DELETE FROM run_lease
WHERE renewed_at < clock_timestamp() - %(after)s
RETURNING run_id;
