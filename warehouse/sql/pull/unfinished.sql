-- The newest interrupted pull of exactly this window that is worth continuing: begun within 24 hours, and not
-- overtaken by a complete one. An overtaken pull could never be loaded: the fence would call it stale.
SELECT pull.pull_id
FROM pull
WHERE
    pull.source = %(source)s
    AND pull.window_start = %(start)s
    AND pull.window_end = %(end)s
    AND pull.finished_at IS NULL
    AND pull.started_at > clock_timestamp() - INTERVAL '24 hours'
    AND NOT EXISTS (
        SELECT FROM pull AS newer
        WHERE
            newer.source = pull.source
            AND newer.pull_id > pull.pull_id
            AND newer.finished_at IS NOT NULL
            AND newer.window_start < pull.window_end
            AND newer.window_end > pull.window_start
    )
ORDER BY pull.pull_id DESC
LIMIT 1;
