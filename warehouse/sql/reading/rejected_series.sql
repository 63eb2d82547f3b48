-- What was rejected of a source while loading some part of a window: one row of each series and reason, worst first.
-- An example is a row that was kept as it was sent, wherever there is one.
SELECT
    series_key,
    reason,
    sum(n_rows)::bigint AS n_rows,
    min(first_seen_at) AS first_seen_at,
    max(last_seen_at) AS last_seen_at,
    min(window_start) AS first_window_start,
    max(window_end) AS last_window_end,
    (array_agg(raw ORDER BY raw LIKE 'further rows of %%: counted, not kept', rejected_id DESC))[1] AS example
FROM rejected
WHERE source = %(source)s AND window_start < %(end)s AND window_end > %(start)s
GROUP BY series_key, reason
ORDER BY 3 DESC, series_key, reason;
