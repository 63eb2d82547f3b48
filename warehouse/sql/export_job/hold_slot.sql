-- The tenant's one place. The lock lasts as long as the session; nobody waits here, because a job takes minutes.
SELECT pg_try_advisory_lock(hashtextextended('joulehouse export ' || %(tenant)s, 0));
