-- One loader at a time for one day of one source, until the transaction ends. Safe on a live database: yes.
-- Days and not windows: a load of a week and a load of one of its days exclude each other.
SELECT pg_advisory_xact_lock(hashtextextended('joulehouse load ' || %(source)s || ' ' || %(day)s::date, 0));
