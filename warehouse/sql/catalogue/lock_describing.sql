-- One description of a source's series at a time, until the transaction ends. The first lock of those who describe: no
-- load takes it.
SELECT pg_advisory_xact_lock(hashtextextended('joulehouse describe ' || %(source)s, 0));
