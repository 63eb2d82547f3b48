-- Take over an interrupted pull: only if no living session holds it. The lock lasts as long as the session.
SELECT pg_try_advisory_lock(hashtextextended('joulehouse pull ' || %(pull_id)s::bigint, 0));
