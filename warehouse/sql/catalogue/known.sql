-- The numbers and quantities of the series with these keys.
SELECT
    key,
    series_id,
    quantity
FROM series
WHERE source = %(source)s AND key = ANY(%(keys)s);
