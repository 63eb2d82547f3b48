-- Take the next place of a credential, if its time has come: the number of the place, or no row. Places are handed out
-- one by one, by the server's clock alone, and each is counted from when the one before was really taken.
-- clock_timestamp() and not now(): it is read again by whoever has waited for the row.
UPDATE budget
SET
    next_at = clock_timestamp() + %(spacing)s,
    n_taken = n_taken + 1
WHERE credential = %(credential)s AND next_at <= clock_timestamp()
RETURNING n_taken;
