-- The intervals of some registers that end inside a span: one row per register, its columns as strings of 8 bytes a row.
SELECT
    series_id,
    string_agg(timestamptz_send(ended_at), ''::bytea) AS ends,
    string_agg(timestamptz_send(measured_at), ''::bytea) AS begins,
    string_agg(float8send(amount), ''::bytea) AS amounts,
    string_agg(float8send(coalesce(usual, 'NaN')), ''::bytea) AS usual,
    string_agg(float8send(coalesce(spacing, 'NaN')), ''::bytea) AS spacing,
    array_agg(flag) AS flags
FROM register_interval
WHERE series_id = ANY({series_ids}::integer []) AND ended_at >= {start} AND ended_at < {end}
GROUP BY series_id;
