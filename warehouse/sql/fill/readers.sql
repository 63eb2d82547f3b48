-- Views that stand on some relations of ours: they would go with them.
SELECT DISTINCT pg_rewrite.ev_class::regclass::text AS reader
FROM pg_depend
INNER JOIN pg_rewrite ON pg_depend.objid = pg_rewrite.oid
WHERE
    pg_depend.classid = 'pg_rewrite'::regclass
    AND pg_depend.refclassid = 'pg_class'::regclass
    AND pg_depend.refobjid = ANY(%(names)s::regclass [])
    AND pg_rewrite.ev_class <> pg_depend.refobjid
    AND pg_rewrite.ev_class::regclass::text NOT LIKE '%%timescaledb_internal%%'
ORDER BY reader;
