-- budget: the right to send a request, one bucket for each credential. Run by warehouse/budget.py.

-- name: open
-- The bucket of a credential, full, if nobody has asked with it yet.
INSERT INTO budget (credential, next_at, n_taken)
VALUES (%(credential)s, clock_timestamp(), 0)
ON CONFLICT (credential) DO NOTHING;

-- name: take
-- Take the next place of a credential, if its time has come: the number of the place, or no row. Places are handed out
-- one by one, by the server's clock alone, and each is counted from when the one before was really taken.
-- clock_timestamp() and not now(): it is read again by whoever has waited for the row.
UPDATE budget
SET
    next_at = clock_timestamp() + %(spacing)s,
    n_taken = n_taken + 1
WHERE credential = %(credential)s AND next_at <= clock_timestamp()
RETURNING n_taken;

-- name: missing
-- How many seconds are missing until the next place of a credential.
SELECT extract(EPOCH FROM next_at - clock_timestamp())
FROM budget
WHERE credential = %(credential)s;

-- name: answered
-- The request of a place was on its way until now at the latest, so the next one leaves a whole limit after now; but a
-- provider that takes its time is no reason to wait for ever, and a later place has its own answer.
UPDATE budget
SET next_at = least(greatest(next_at, clock_timestamp() + %(limit)s), next_at + %(allowance)s)
WHERE credential = %(credential)s AND n_taken = %(place)s;
