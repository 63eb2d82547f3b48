-- The newest pull of a source that touches a window, if it can be loaded as it is: it is finished, asked for exactly this
-- window and this question, is no older than is given, and some day of it has no outcome. An outcome is a load of this
-- very pull, committed or failed, or a failure since then that came before any load: a killed process leaves neither.
-- A clock that was set back makes nothing young.
SELECT
    newest.pull_id,
    newest.n_payloads,
    newest.n_bytes,
    extract(EPOCH FROM newest.age) AS age_seconds
FROM (
    SELECT
        pull.*,
        clock_timestamp() - pull.finished_at AS age
    FROM pull
    WHERE
        pull.source = %(source)s
        AND pull.window_start < %(end)s
        AND pull.window_end > %(start)s
        AND pull.finished_at IS NOT NULL
    ORDER BY pull.finish_number DESC
    LIMIT 1
) AS newest
WHERE
    newest.window_start = %(start)s
    AND newest.window_end = %(end)s
    AND newest.fingerprint = %(fingerprint)s
    AND newest.age BETWEEN INTERVAL '0' AND %(longest)s
    AND EXISTS (
        SELECT asked.day_start
        FROM generate_series(
            date_trunc('day', %(start)s::timestamptz), %(end)s::timestamptz - INTERVAL '1 microsecond', INTERVAL '24 hours'
        ) AS asked (day_start)
        EXCEPT
        SELECT known.day_start
        FROM load
        CROSS JOIN LATERAL generate_series(
            date_trunc('day', load.window_start), load.window_end - INTERVAL '1 microsecond', INTERVAL '24 hours'
        ) AS known (day_start)
        WHERE
            load.source = %(source)s
            AND load.window_start < %(end)s
            AND load.window_end > %(start)s
            AND (
                load.pull_id = newest.pull_id
                OR (load.pull_id IS NULL AND load.status = 'failed' AND load.loaded_at >= newest.finished_at)
            )
    );
