-- Whose pull is it, what does it cover, is it complete, and which pull was loaded last into any part of the window?
-- Needs: the locks of the window's days, else the answer ages before it is used.
SELECT
    pull.source = %(source)s
    AND pull.window_start <= %(start)s
    AND pull.window_end >= %(end)s
    AND pull.finished_at IS NOT NULL AS is_ours,
    (
        SELECT max(load.pull_id)
        FROM load
        WHERE
            load.status = 'committed'
            AND load.source = %(source)s
            AND load.window_start < %(end)s
            AND load.window_end > %(start)s
    ) AS newest_loaded
FROM pull
WHERE pull.pull_id = %(pull_id)s;
