-- Take the next free place of a credential: places are handed out one by one, by the server's clock alone, and each is
-- counted from when the one before was really taken. clock_timestamp() and not now(): a transaction's own time stands
-- still while it waits.
UPDATE budget
SET
    next_at = greatest(next_at, clock_timestamp()) + %(spacing)s,
    n_taken = n_taken + 1
WHERE credential = %(credential)s;
