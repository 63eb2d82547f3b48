-- One writer of register intervals at a time for one source, until the transaction ends: an interval is judged by the
-- readings of neighbouring days, and whoever waited here sees what the one before has committed.
-- Needs: every other lock of the load is held already; nothing is waited for behind this one.
SELECT pg_advisory_xact_lock(hashtextextended('joulehouse registers ' || %(source)s, 0));
