-- The newest complete pull of a source that covers a window: the one finished last.
SELECT pull_id
FROM pull
WHERE
    source = %(source)s AND window_start <= %(start)s AND window_end >= %(end)s AND finished_at IS NOT NULL
ORDER BY finish_number DESC
LIMIT 1;
