-- What the committed loads of each source did together, and what landing cost. What was there to load (received,
-- rejected, duplicate, points, series) is that of the newest load of each window; what was written is summed over all.
WITH chosen AS (
    SELECT *
    FROM load
    WHERE
        status = 'committed'
        AND load_id > %(after_load_id)s
        AND (%(source)s::text IS NULL OR source = %(source)s)
        AND (%(start)s::timestamptz IS NULL OR window_start >= %(start)s)
        AND (%(end)s::timestamptz IS NULL OR window_end <= %(end)s)
),
newest AS (
    SELECT DISTINCT ON (source, window_start, window_end) *
    FROM chosen
    ORDER BY source, window_start, window_end, load_id DESC
),
standing AS (
    SELECT
        source,
        count(*) AS n_windows,
        sum(n_points) AS n_points,
        sum(n_received) AS n_received,
        sum(n_rejected) AS n_rejected,
        sum(n_duplicate) AS n_duplicate,
        max(n_series) AS n_series
    FROM newest
    GROUP BY source
),
asked AS (
    SELECT
        used.source,
        sum(pull.n_requests) AS n_requests,
        sum(pull.n_payloads) AS n_payloads,
        sum(pull.n_bytes) AS n_bytes,
        sum(extract(EPOCH FROM pull.finished_at - pull.started_at)) AS pull_seconds
    FROM (SELECT DISTINCT source, pull_id FROM chosen) AS used
    INNER JOIN pull USING (pull_id)
    GROUP BY used.source
)
SELECT
    chosen.source,
    min(chosen.window_start) AS first_start,
    max(chosen.window_end) AS last_end,
    min(standing.n_windows) AS n_windows,
    count(*) AS n_loads,
    min(standing.n_series) AS n_series,
    min(standing.n_points) AS n_points,
    min(standing.n_received) AS n_received,
    sum(chosen.n_inserted) AS n_inserted,
    sum(chosen.n_changed) AS n_changed,
    sum(chosen.n_unchanged) AS n_unchanged,
    min(standing.n_rejected) AS n_rejected,
    min(standing.n_duplicate) AS n_duplicate,
    sum(chosen.n_removed) AS n_removed,
    sum(chosen.seconds) AS load_seconds,
    min(asked.n_requests) AS n_requests,
    min(asked.n_payloads) AS n_payloads,
    min(asked.n_bytes) AS n_bytes,
    min(asked.pull_seconds) AS pull_seconds
FROM chosen
INNER JOIN standing USING (source)
LEFT JOIN asked USING (source)
GROUP BY chosen.source
ORDER BY chosen.source;
