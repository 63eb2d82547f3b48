-- The newest complete pull of a source that covers a window.
SELECT pull_id
FROM pull
WHERE
    source = %(source)s AND window_start <= %(start)s AND window_end >= %(end)s AND finished_at IS NOT NULL
ORDER BY pull_id DESC
LIMIT 1;
