-- Whose each series of a source is.
SELECT
    series_id,
    device
FROM series
WHERE source = %(source)s;
