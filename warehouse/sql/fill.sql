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

-- name: readers
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
