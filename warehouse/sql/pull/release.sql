-- Nobody needs to keep away from a pull that nobody works at.
SELECT pg_advisory_unlock(hashtextextended('joulehouse pull ' || %(pull_id)s::bigint, 0));
