-- All of a derived thing is there.
UPDATE derived
SET complete_at = clock_timestamp()
WHERE name = %(name)s;
