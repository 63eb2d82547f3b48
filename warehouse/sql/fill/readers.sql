-- Views, and continuous aggregates of others, that stand on some relations of ours: they would go with them, or keep
-- them from going.
SELECT DISTINCT pg_rewrite.ev_class::regclass::text AS reader
FROM pg_depend
INNER JOIN pg_rewrite ON pg_depend.objid = pg_rewrite.oid
WHERE
    pg_depend.classid = 'pg_rewrite'::regclass
    AND pg_depend.refclassid = 'pg_class'::regclass
    AND pg_depend.refobjid = ANY(%(names)s::regclass [])
    AND pg_rewrite.ev_class <> pg_depend.refobjid
    AND pg_rewrite.ev_class::regclass::text NOT LIKE '%%timescaledb_internal%%'
UNION
SELECT format('%%I.%%I', other.view_schema, other.view_name)::regclass::text AS reader
FROM timescaledb_information.continuous_aggregates AS other
INNER JOIN timescaledb_information.continuous_aggregates AS ours
    ON
        other.hypertable_schema = ours.materialization_hypertable_schema
        AND other.hypertable_name = ours.materialization_hypertable_name
WHERE format('%%I.%%I', ours.view_schema, ours.view_name)::regclass = ANY(%(names)s::regclass [])
ORDER BY reader;
