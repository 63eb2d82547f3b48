-- Waits for every load of the source that is under way, and keeps others from beginning until the transaction ends.
SELECT pg_advisory_xact_lock(hashtextextended('joulehouse catalogue ' || %(source)s, 0));
