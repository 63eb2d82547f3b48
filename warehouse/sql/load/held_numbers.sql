-- What the table of numbers holds of these series inside the window: one row per series, its times and its values as
-- two strings of 8 bytes a point. 2 million points come out in 0.7 s this way; by COPY, a message a row, in 3 s.
-- Literal times and series: other chunks are never opened, other sources never read.
SELECT
    series_id,
    string_agg(timestamptz_send(measured_at), ''::bytea) AS times,
    string_agg(float8send(value), ''::bytea) AS numbers
FROM measurement
WHERE series_id = ANY({series_ids}::integer []) AND measured_at >= {start} AND measured_at < {end}
GROUP BY series_id;
