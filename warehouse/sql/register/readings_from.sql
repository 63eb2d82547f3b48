-- The oldest readings of each register from an instant on: one row per register, in the shape of `load/held_numbers`.
SELECT
    asked.series_id,
    string_agg(timestamptz_send(found.measured_at), ''::bytea) AS times,
    string_agg(float8send(found.value), ''::bytea) AS numbers
FROM unnest({series_ids}::integer []) AS asked (series_id)
CROSS JOIN LATERAL (
    SELECT
        measured_at,
        value
    FROM measurement
    WHERE measurement.series_id = asked.series_id AND measured_at >= {limit}
    ORDER BY measured_at
    LIMIT {n_readings}
) AS found
GROUP BY asked.series_id;
