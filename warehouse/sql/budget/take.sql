-- Reserve the next free place of a credential. One row, locked by the update: places are handed out one by one, by
-- the server's clock alone. clock_timestamp() and not now(): a transaction's own time stands still while it waits.
INSERT INTO budget AS bucket (credential, next_at, n_taken)
VALUES (%(credential)s, clock_timestamp() + %(spacing)s, 1)
ON CONFLICT (credential) DO UPDATE SET
    next_at = greatest(bucket.next_at, clock_timestamp()) + %(spacing)s,
    n_taken = bucket.n_taken + 1
RETURNING extract(EPOCH FROM next_at - %(spacing)s - clock_timestamp());
