-- What the series of a source are.
SELECT
    series_id,
    key,
    kind
FROM series
WHERE source = %(source)s
ORDER BY key;
