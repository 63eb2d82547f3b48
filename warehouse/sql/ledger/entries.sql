-- Every ledger row of a source that touches a window, oldest first.
SELECT *
FROM load
WHERE source = %(source)s AND window_start < %(end)s AND window_end > %(start)s
ORDER BY load_id;
