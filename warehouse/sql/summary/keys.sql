-- The series of a source that have numbers: number, key and zone.
SELECT
    series_id,
    key,
    time_zone
FROM series
WHERE source = %(source)s AND kind <> 'state'
ORDER BY series_id;
