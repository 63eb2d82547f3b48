-- The same for the table of states, whose values have no fixed length: they come as an array of texts.
SELECT
    series_id,
    string_agg(timestamptz_send(measured_at), ''::bytea) AS times,
    array_agg(value) AS texts
FROM state
WHERE series_id = ANY({series_ids}::integer []) AND measured_at >= {start} AND measured_at < {end}
GROUP BY series_id;
