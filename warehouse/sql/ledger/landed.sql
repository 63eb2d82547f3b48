-- The whole days inside a window that a complete pull of a source covers: what can be replayed.
SELECT DISTINCT day_start::date AS day
FROM pull
CROSS JOIN LATERAL generate_series(
    date_trunc('day', pull.window_start), pull.window_end - INTERVAL '24 hours', INTERVAL '24 hours'
) AS day_start
WHERE
    pull.source = %(source)s
    AND pull.finished_at IS NOT NULL
    AND pull.window_start < %(end)s
    AND pull.window_end > %(start)s
    -- A pull may begin in the middle of a day.
    AND day_start >= pull.window_start
    AND day_start >= %(start)s
    AND day_start < %(end)s
ORDER BY day;
