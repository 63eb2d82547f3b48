-- The first and the last UTC day of the numbers of each source.
SELECT
    series.source,
    min(found.first)::date AS first_day,
    max(found.last)::date AS last_day
FROM series
CROSS JOIN LATERAL (
    SELECT
        min(measurement.measured_at) AS first,
        max(measurement.measured_at) AS last
    FROM measurement
    WHERE measurement.series_id = series.series_id
) AS found
WHERE series.kind <> 'state' AND found.first IS NOT NULL
GROUP BY series.source
ORDER BY series.source;
