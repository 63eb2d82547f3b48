-- A unit is filled.
UPDATE derived_unit
SET filled_at = clock_timestamp()
WHERE name = %(name)s AND unit = %(unit)s;
