-- Whose pull is it, what does it cover, is it complete, and was a newer pull loaded into any part of the window?
-- Newer is what was finished later. Needs: the locks of the window's days, else the answer ages before it is used.
SELECT
    pull.source = %(source)s
    AND pull.window_start <= %(start)s
    AND pull.window_end >= %(end)s
    AND pull.finished_at IS NOT NULL AS is_ours,
    (
        SELECT loaded.pull_id
        FROM load
        INNER JOIN pull AS loaded USING (pull_id)
        WHERE
            load.status = 'committed'
            AND load.source = %(source)s
            AND load.window_start < %(end)s
            AND load.window_end > %(start)s
            AND loaded.finish_number > pull.finish_number
        ORDER BY loaded.finish_number DESC
        LIMIT 1
    ) AS newer_loaded
FROM pull
WHERE pull.pull_id = %(pull_id)s;
