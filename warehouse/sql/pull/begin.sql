-- A fresh pull, locked before anybody else can see it: the lock is taken inside the statement, the row shows after it.
WITH fresh AS (
    INSERT INTO pull (source, window_start, window_end, fingerprint)
    VALUES (%(source)s, %(start)s, %(end)s, %(fingerprint)s)
    RETURNING pull_id
)
SELECT
    pull_id,
    pg_try_advisory_lock(hashtextextended('joulehouse pull ' || pull_id, 0))
FROM fresh;
