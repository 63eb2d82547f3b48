-- The series of a source that have numbers, with their zones.
SELECT
    series_id,
    time_zone
FROM series
WHERE source = %(source)s AND kind <> 'state'
ORDER BY series_id;
