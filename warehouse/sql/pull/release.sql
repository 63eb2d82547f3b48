-- Nobody needs to keep away from a finished pull.
SELECT pg_advisory_unlock(hashtextextended('joulehouse pull ' || %(pull_id)s::bigint, 0));
