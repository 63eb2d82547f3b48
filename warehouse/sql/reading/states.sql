-- The states of a source inside a window.
SELECT
    series.key,
    state.measured_at,
    state.value
FROM state
INNER JOIN series USING (series_id)
WHERE series.source = %(source)s AND state.measured_at >= %(start)s AND state.measured_at < %(end)s
ORDER BY series.key COLLATE "C", state.measured_at;
