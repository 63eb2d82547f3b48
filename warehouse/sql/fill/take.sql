-- A unit that is not filled and that nobody is at; it is ours until the transaction ends.
SELECT unit
FROM derived_unit
WHERE name = %(name)s AND filled_at IS NULL
ORDER BY unit
LIMIT 1
FOR UPDATE SKIP LOCKED;
