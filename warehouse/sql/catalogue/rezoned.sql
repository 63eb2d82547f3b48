-- Series whose time zone would be rewritten, with the first and the last instant of their numbers.
SELECT
    known.series_id,
    min(found_at.first) AS first_at,
    max(found_at.last) AS last_at
FROM unnest(%(key)s::text [], %(time_zone)s::text []) AS found (key, time_zone)
INNER JOIN series AS known ON found.key = known.key
CROSS JOIN LATERAL (
    SELECT
        min(measurement.measured_at) AS first,
        max(measurement.measured_at) AS last
    FROM measurement
    WHERE measurement.series_id = known.series_id
) AS found_at
WHERE
    known.source = %(source)s
    AND known.time_zone <> found.time_zone
GROUP BY known.series_id
ORDER BY known.series_id;
