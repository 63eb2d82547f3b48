-- The newest ledger row of each window of a source between two days: committed or failed, whichever came last.
-- A stale load is no failure of its window: a newer one is there.
SELECT DISTINCT ON (window_start, window_end) *
FROM load
WHERE
    source = %(source)s
    AND window_start >= %(start)s
    AND window_start < %(end)s
    AND reason IS DISTINCT FROM 'stale_load'
ORDER BY window_start, window_end, load_id DESC;
