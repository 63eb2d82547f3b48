-- The first and the last reading of some registers, and of the intervals that are stored of them.
SELECT
    min(first_at),
    max(last_at)
FROM (
    SELECT
        min(measured_at) AS first_at,
        max(measured_at) AS last_at
    FROM measurement
    WHERE series_id = ANY({series_ids}::integer [])
    UNION ALL
    SELECT
        min(ended_at),
        max(ended_at)
    FROM register_interval
    WHERE series_id = ANY({series_ids}::integer [])
) AS found;
