-- The next one may order.
SELECT pg_advisory_unlock(hashtextextended('joulehouse export ' || %(tenant)s, 0));
