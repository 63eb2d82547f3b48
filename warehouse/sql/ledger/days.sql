-- Per UTC day of a source: the load that made it what it is, and the failure since then, if there is one.
WITH touched AS (
    SELECT
        load.*,
        day_start::date AS day
    FROM load
    CROSS JOIN LATERAL generate_series(
        date_trunc('day', window_start), window_end - INTERVAL '1 microsecond', INTERVAL '1 day'
    ) AS day_start
    WHERE load.source = %(source)s AND load.reason IS DISTINCT FROM 'stale_load'
),
committed AS (
    SELECT DISTINCT ON (day) *
    FROM touched
    WHERE status = 'committed'
    ORDER BY day, load_id DESC
),
failed AS (
    SELECT DISTINCT ON (day) *
    FROM touched
    WHERE status = 'failed'
    ORDER BY day, load_id DESC
)
SELECT
    day,
    committed.load_id,
    committed.pull_id,
    committed.loaded_at,
    coalesce(committed.n_points, 0) AS n_points,
    coalesce(committed.n_rejected, 0) AS n_rejected,
    CASE WHEN failed.load_id > coalesce(committed.load_id, 0) THEN failed.reason END AS reason,
    CASE WHEN failed.load_id > coalesce(committed.load_id, 0) THEN failed.sentence END AS sentence
FROM committed
FULL JOIN failed USING (day)
ORDER BY day;
