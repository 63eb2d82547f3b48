-- How many units of a derived thing are filled, and how many there are.
SELECT
    count(filled_at),
    count(*)
FROM derived_unit
WHERE name = %(name)s;
