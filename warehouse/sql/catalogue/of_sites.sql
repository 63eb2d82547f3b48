-- The series of some sites of a source.
SELECT
    series_id,
    site
FROM series
WHERE source = %(source)s AND site = ANY(%(sites)s)
ORDER BY series_id;
