-- The zones of some series.
SELECT
    series_id,
    time_zone
FROM series
WHERE series_id = ANY(%(series_ids)s)
ORDER BY series_id;
