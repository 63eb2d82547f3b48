-- measurement, state, register_interval: how they are compressed in the community edition. Run by warehouse/schema.py.

-- name: set
-- Columnstore and its policy for every table of points that lacks one of them: the schema may have been begun on the
-- Apache edition, which refuses both. What is there stays as it is. Chunks are compressed two weeks after their days: by
-- then a scheduled run does not ask for them again. Safe on a live database: it rewrites no chunk.
DO $$
DECLARE
    held record;
BEGIN
    IF current_setting('timescaledb.license') <> 'timescale' THEN
        RETURN;
    END IF;
    FOR held IN
        SELECT
            tables.hypertable_name AS table_name,
            tables.compression_enabled AS has_columnstore,
            dimensions.column_name AS time_column,
            EXISTS (
                SELECT
                FROM timescaledb_information.jobs
                WHERE
                    jobs.hypertable_schema = tables.hypertable_schema
                    AND jobs.hypertable_name = tables.hypertable_name
                    AND jobs.proc_name IN ('policy_compression', 'policy_columnstore')
            ) AS has_policy
        FROM timescaledb_information.hypertables AS tables
        INNER JOIN timescaledb_information.dimensions USING (hypertable_schema, hypertable_name)
        WHERE
            tables.hypertable_schema = 'public'
            AND tables.hypertable_name IN ('measurement', 'register_interval', 'state')
    LOOP
        IF NOT held.has_columnstore THEN
            EXECUTE 'ALTER TABLE ' || quote_ident(held.table_name) || ' SET (timescaledb.enable_columnstore = true,'
                ' timescaledb.segmentby = ''series_id'', timescaledb.orderby = ' || quote_literal(held.time_column)
                || ')';
        END IF;
        IF NOT held.has_policy THEN
            CALL add_columnstore_policy(held.table_name::regclass, after => INTERVAL '14 days');
        END IF;
    END LOOP;
END
$$;
