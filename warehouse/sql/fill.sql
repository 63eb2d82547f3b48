-- derived, derived_unit: filling a warehouse that had points before. Run by warehouse/fill.py and the modules *_fill.

-- name: is_pending
-- Whether a derived thing is not all there.
SELECT name
FROM derived
WHERE name = %(name)s AND complete_at IS NULL;

-- name: progress
-- How many units of a derived thing are filled, and how many there are.
SELECT
    count(filled_at),
    count(*)
FROM derived_unit
WHERE name = %(name)s;

-- name: lock_plan
-- Whoever plans or shows a derived thing does so alone. Null: it was never planned.
SELECT planned_at
FROM derived
WHERE name = %(name)s
FOR UPDATE;

-- name: plan
-- The units in which a derived thing is filled, and that they are planned.
WITH planned AS (
    UPDATE derived SET planned_at = clock_timestamp() WHERE name = %(name)s
)

INSERT INTO derived_unit (name, unit)
SELECT
    %(name)s,
    unit
FROM unnest(%(units)s::text []) AS unit
ON CONFLICT DO NOTHING;

-- name: take
-- A unit that is not filled and that nobody is at; it is ours until the transaction ends.
SELECT unit
FROM derived_unit
WHERE name = %(name)s AND filled_at IS NULL
ORDER BY unit
LIMIT 1
FOR UPDATE SKIP LOCKED;

-- name: done
-- A unit is filled.
UPDATE derived_unit
SET filled_at = clock_timestamp()
WHERE name = %(name)s AND unit = %(unit)s;

-- name: complete
-- All of a derived thing is there.
UPDATE derived
SET complete_at = clock_timestamp()
WHERE name = %(name)s;

-- name: sources
-- The sources that have series of numbers, and which.
SELECT
    source,
    array_agg(series_id ORDER BY series_id) AS series_ids
FROM series
WHERE kind <> 'state'
GROUP BY source
ORDER BY source;

-- name: registers
-- Every register of the catalogue that has readings, or intervals of readings that it once had.
SELECT series_id
FROM series
WHERE
    kind = 'register'
    AND (
        EXISTS (SELECT FROM measurement WHERE measurement.series_id = series.series_id)
        OR EXISTS (SELECT FROM register_interval WHERE register_interval.series_id = series.series_id)
    )
ORDER BY series_id;

-- name: source_of
-- Whose a register is.
SELECT source
FROM series
WHERE series_id = %(series_id)s AND kind = 'register';

-- name: aggregates
-- Which of the summaries are continuous aggregates.
SELECT view_name::text
FROM timescaledb_information.continuous_aggregates
WHERE view_schema = 'public' AND view_name IN ('measurement_hourly', 'measurement_daily')
ORDER BY view_name;

-- name: has_old_register_days
-- Whether `register_energy_local_daily` is still the view of step 0013, which knows no `bucket_at` and must be dropped.
SELECT
    to_regclass('public.register_energy_local_daily') IS NOT NULL
    AND NOT EXISTS (
        SELECT
        FROM pg_attribute
        WHERE attrelid = to_regclass('public.register_energy_local_daily') AND attname = 'bucket_at'
    );

-- name: readers
-- What of others stands on some relations of ours, or on the type of their rows: views, continuous aggregates, functions,
-- columns. They would go with them, or keep them from going.
WITH ours AS (
    SELECT
        oid,
        reltype
    FROM pg_class
    WHERE oid = ANY(%(names)s::regclass [])
),

depended AS (
    SELECT
        'pg_class'::regclass AS refclassid,
        oid AS refobjid
    FROM ours
    UNION ALL
    SELECT
        'pg_type'::regclass,
        pg_type.oid
    FROM ours
    INNER JOIN pg_type ON ours.reltype IN (pg_type.oid, pg_type.typelem)
)

SELECT
    coalesce(
        pg_rewrite.ev_class::regclass::text,
        (
            SELECT concat_ws(' ', type, identity)
            FROM pg_identify_object(pg_depend.classid, pg_depend.objid, pg_depend.objsubid)
        )
    ) AS reader
FROM pg_depend
INNER JOIN depended USING (refclassid, refobjid)
LEFT JOIN pg_rewrite ON pg_depend.classid = 'pg_rewrite'::regclass AND pg_depend.objid = pg_rewrite.oid
WHERE
    pg_depend.deptype = 'n'
    AND coalesce(pg_rewrite.ev_class, 0) NOT IN (SELECT oid FROM ours)
    AND coalesce(pg_rewrite.ev_class::regclass::text, '') NOT LIKE '%%timescaledb_internal%%'
UNION
SELECT format('%%I.%%I', other.view_schema, other.view_name)::regclass::text AS reader
FROM timescaledb_information.continuous_aggregates AS other
INNER JOIN timescaledb_information.continuous_aggregates AS ours
    ON
        other.hypertable_schema = ours.materialization_hypertable_schema
        AND other.hypertable_name = ours.materialization_hypertable_name
WHERE format('%%I.%%I', ours.view_schema, ours.view_name)::regclass = ANY(%(names)s::regclass [])
ORDER BY reader;
