-- Every gap of a source inside a window, by time.
SELECT
    gap_id,
    part,
    gap_start,
    gap_end,
    reason,
    marked_at,
    filled_at,
    load_id,
    n_failed,
    failure,
    next_try_at
FROM live_gap
WHERE source = %(source)s AND gap_start < %(end)s AND gap_end > %(start)s
ORDER BY gap_start, gap_id;
