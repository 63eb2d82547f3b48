-- Whether a derived thing is not all there.
SELECT name
FROM derived
WHERE name = %(name)s AND complete_at IS NULL;
