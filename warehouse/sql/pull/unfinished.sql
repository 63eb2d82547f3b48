-- The newest interrupted pull of exactly this window that is worth continuing: begun within 24 hours, for the same
-- question to the same provider, not given up, and not overtaken: no complete pull came between its pages and those
-- that are still to come, else the older half would be taken for newer than that one.
SELECT pull.pull_id
FROM pull
WHERE
    pull.source = %(source)s
    AND pull.window_start = %(start)s
    AND pull.window_end = %(end)s
    AND pull.fingerprint = %(fingerprint)s
    AND pull.finished_at IS NULL
    AND pull.abandoned_at IS NULL
    AND pull.started_at > clock_timestamp() - INTERVAL '24 hours'
    AND NOT EXISTS (
        SELECT FROM pull AS complete
        WHERE
            complete.source = pull.source
            AND complete.finished_at > pull.started_at
            AND complete.window_start < pull.window_end
            AND complete.window_end > pull.window_start
    )
ORDER BY pull.pull_id DESC
LIMIT 1;
