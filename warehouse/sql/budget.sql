-- budget: the right to send a request, one bucket for each credential. Run by warehouse/budget.py.

-- name: open
-- The bucket of a credential, full, if nobody has asked with it yet.
INSERT INTO budget (credential, next_at, n_taken)
VALUES (%(credential)s, clock_timestamp(), 0)
ON CONFLICT (credential) DO NOTHING;

-- name: take
-- Take the next place of a credential, if its time has come: the number of the place, or no row. Places are handed out
-- one by one, by the server's clock alone, and each is counted from when the one before was really taken; until that
-- one's request is known to have left, it may leave later by the allowance.
-- clock_timestamp() and not now(): it is read again by whoever has waited for the row.
UPDATE budget
SET
    next_at = clock_timestamp() + %(spacing)s + %(allowance)s,
    n_taken = n_taken + 1
WHERE credential = %(credential)s AND next_at <= clock_timestamp()
RETURNING n_taken;

-- name: renew
-- Take a place anew whose request has not left yet, if nobody has taken the next one and the provider may be asked: its
-- number, or no row.
UPDATE budget
SET next_at = clock_timestamp() + %(spacing)s + %(allowance)s
WHERE
    credential = %(credential)s
    AND n_taken = %(place)s
    AND NOT EXISTS (
        SELECT FROM retry_after
        WHERE credential = %(credential)s AND not_before > clock_timestamp()
    )
RETURNING n_taken;

-- name: sent
-- The request of a place has left by now: the next one leaves a whole limit after now, and the allowance is not needed.
UPDATE budget
SET next_at = greatest(next_at - %(allowance)s, clock_timestamp() + %(limit)s)
WHERE credential = %(credential)s AND n_taken = %(place)s;

-- name: held_up
-- For how many seconds the provider wants no request with a credential, and until when; no row if it may be asked.
SELECT
    extract(EPOCH FROM max(not_before) - clock_timestamp())::float8 AS seconds,
    max(not_before) AS not_before
FROM retry_after
WHERE credential = %(credential)s
HAVING max(not_before) > clock_timestamp();

-- name: hold_up
-- A source learns that its credential may not ask for so many seconds. Who hears of a shorter wait has not heard all.
INSERT INTO retry_after (credential, source, not_before)
VALUES (%(credential)s, %(source)s, clock_timestamp() + %(seconds)s * INTERVAL '1 second')
ON CONFLICT (credential, source) DO UPDATE
SET not_before = greatest(retry_after.not_before, excluded.not_before);

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
