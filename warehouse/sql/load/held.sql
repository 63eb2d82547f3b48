-- How many points the table holds of these series inside the window. Literal times: other chunks are never opened.
SELECT count(*)
FROM {points}
WHERE series_id = ANY({series_ids}::integer []) AND measured_at >= {start} AND measured_at < {end};
