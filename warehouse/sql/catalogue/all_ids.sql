-- Every series of a source: what a load of that source may touch.
SELECT
    series_id,
    quantity,
    time_zone
FROM series
WHERE source = %(source)s
ORDER BY series_id;
