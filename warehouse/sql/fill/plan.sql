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
