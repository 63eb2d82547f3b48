-- load, read: what the ledger answers. Run by warehouse/ledger.py.

-- name: days
-- Per UTC day of a source: the load that made it what it is, and the failure since then, if there is one.
-- Where the provider was asked and did not answer well, a replay of what it had said before is no answer: that failure
-- stands until a pull that ended after it is loaded.
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
),
unanswered AS (
    SELECT DISTINCT ON (day) *
    FROM touched
    WHERE status = 'failed' AND pull_id IS NULL AND reason = any(%(of_providers)s)
    ORDER BY day, load_id DESC
),
first_failed AS (
    SELECT
        touched.day,
        min(touched.loaded_at) AS failed_since
    FROM touched
    LEFT JOIN committed USING (day)
    WHERE touched.status = 'failed' AND touched.load_id > coalesce(committed.load_id, 0)
    GROUP BY touched.day
)
SELECT
    day,
    committed.load_id,
    committed.pull_id,
    committed.loaded_at,
    coalesce(committed.n_points, 0) AS n_points,
    coalesce(committed.n_rejected, 0) AS n_rejected,
    CASE
        WHEN failed.load_id > coalesce(committed.load_id, 0) THEN failed.reason
        WHEN unanswered.loaded_at > pull.finished_at THEN unanswered.reason
    END AS reason,
    CASE
        WHEN failed.load_id > coalesce(committed.load_id, 0) THEN failed.sentence
        WHEN unanswered.loaded_at > pull.finished_at THEN unanswered.sentence
    END AS sentence,
    CASE
        WHEN failed.load_id > coalesce(committed.load_id, 0) THEN first_failed.failed_since
        WHEN unanswered.loaded_at > pull.finished_at THEN unanswered.loaded_at
    END AS failed_since
FROM committed
FULL JOIN failed USING (day)
LEFT JOIN unanswered USING (day)
LEFT JOIN first_failed USING (day)
LEFT JOIN pull ON pull.pull_id = committed.pull_id
ORDER BY day;

-- name: last_ends
-- Of every source the newest UTC day of which a load has ended, well or not, and when one failed the last time. A load of
-- a part of a day ends none.
SELECT
    source,
    (
        (
            max(window_end) FILTER (WHERE window_end >= window_start + INTERVAL '24 hours') - INTERVAL '24 hours'
        ) AT TIME ZONE 'UTC'
    )::date AS day,
    max(loaded_at) FILTER (WHERE status = 'failed') AS failed_at,
    (
        array_agg(loaded_at ORDER BY window_end DESC, load_id DESC)
        FILTER (WHERE window_end >= window_start + INTERVAL '24 hours')
    ) [1] AS ended_at
FROM load
WHERE reason IS DISTINCT FROM 'stale_load'
GROUP BY source;

-- name: landed_not_loaded
-- The whole UTC days of a source whose newest complete pull has not been loaded: newer answers lie there unread.
WITH landed AS (
    SELECT
        day_start,
        max(finished_at) AS finished_at
    FROM pull
    CROSS JOIN LATERAL generate_series(
        date_trunc('day', pull.window_start), pull.window_end - INTERVAL '24 hours', INTERVAL '24 hours'
    ) AS day_start
    WHERE
        pull.source = %(source)s
        AND pull.finished_at IS NOT NULL
        AND day_start >= pull.window_start
    GROUP BY day_start
),
standing AS (
    SELECT DISTINCT ON (load.window_start)
        load.window_start AS day_start,
        pull.finished_at
    FROM load
    LEFT JOIN pull USING (pull_id)
    WHERE
        load.source = %(source)s
        AND load.status = 'committed'
        AND load.window_end = load.window_start + INTERVAL '24 hours'
    ORDER BY load.window_start, load.load_id DESC
)
SELECT landed.day_start::date AS day
FROM landed
LEFT JOIN standing USING (day_start)
WHERE standing.day_start IS NULL OR standing.finished_at < landed.finished_at
ORDER BY day;

-- name: last_loads
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

-- name: entries
-- Every ledger row of a source that touches a window, oldest first.
SELECT *
FROM load
WHERE source = %(source)s AND window_start < %(end)s AND window_end > %(start)s
ORDER BY load_id;

-- name: due_days
-- Days inside a window that a source still owes, at most so many: those never committed, and those that have settled and
-- whose newest committed load is of a pull that began before they had, or before a later instant which is given for some.
-- A day that was tried since a given instant rests.
-- The newest come first; behind them the rest in turn, those never tried before and then those not tried for longest: so
-- days that cannot be healed hold up no other. Asking is what counts as a try, a replay that found nothing is none.
WITH expected AS (
    SELECT day_start
    FROM generate_series(
        %(start)s::timestamptz, %(end)s::timestamptz - INTERVAL '24 hours', INTERVAL '24 hours'
    ) AS day_start
),
again AS (
    SELECT
        day_start,
        asked_after
    FROM unnest(%(again_days)s::timestamptz [], %(again_instants)s::timestamptz []) AS given (day_start, asked_after)
),
standing AS (
    SELECT DISTINCT ON (load.window_start)
        load.window_start AS day_start,
        pull.started_at
    FROM load
    LEFT JOIN pull USING (pull_id)
    WHERE
        load.source = %(source)s
        AND load.status = 'committed'
        AND load.window_start >= %(start)s
        AND load.window_start < %(end)s
        AND load.window_end = load.window_start + INTERVAL '24 hours'
    ORDER BY load.window_start, load.load_id DESC
),
attempt AS (
    SELECT
        window_start,
        window_end,
        loaded_at AS tried_at
    FROM load
    WHERE source = %(source)s AND status = 'failed' AND reason NOT IN ('stale_load', 'payload_missing')
    UNION ALL
    -- A process that was killed wrote no failure, but it had begun a pull.
    SELECT
        window_start,
        window_end,
        started_at AS tried_at
    FROM pull
    WHERE source = %(source)s
),
tried AS (
    SELECT
        day_start,
        max(tried_at) AS tried_at
    FROM attempt
    CROSS JOIN LATERAL generate_series(
        date_trunc('day', window_start), window_end - INTERVAL '1 microsecond', INTERVAL '24 hours'
    ) AS day_start
    WHERE window_start < %(end)s AND window_end > %(start)s
    GROUP BY day_start
),
due AS (
    SELECT
        expected.day_start,
        tried.tried_at,
        row_number() OVER (ORDER BY expected.day_start DESC) > %(n_newest)s AS is_other
    FROM expected
    CROSS JOIN LATERAL (SELECT expected.day_start + INTERVAL '24 hours' + %(finalization_lag)s AS settled_at) AS then_
    LEFT JOIN standing USING (day_start)
    LEFT JOIN tried USING (day_start)
    LEFT JOIN again USING (day_start)
    WHERE
        (
            standing.day_start IS NULL
            OR standing.started_at < again.asked_after
            OR (standing.started_at < then_.settled_at AND then_.settled_at <= %(as_of)s)
        )
        AND (tried.tried_at IS NULL OR tried.tried_at < %(untried_since)s)
)
SELECT day_start::date AS day
FROM due
ORDER BY is_other, CASE WHEN is_other THEN tried_at END NULLS FIRST, day_start DESC
LIMIT %(n_newest)s + %(n_others)s;

-- name: loads_after
-- The entries of a source behind a given one, oldest first.
SELECT *
FROM load
WHERE source = %(source)s AND load_id > %(after_load_id)s
ORDER BY load_id
LIMIT %(most)s;

-- name: loads_between
-- The entries of a source for windows inside a given one that were made within a given time, oldest first.
SELECT *
FROM load
WHERE
    source = %(source)s
    AND window_start >= %(start)s
    AND window_end <= %(end)s
    AND loaded_at >= %(since)s
    AND loaded_at <= %(until)s
ORDER BY load_id;

-- name: pulls_of_loads
-- Of some loads: the pull that each is of, and whether an earlier load of the same window was of it, too: a replay.
SELECT
    load.load_id,
    pull.pull_id,
    pull.window_start,
    pull.window_end,
    pull.n_payloads,
    pull.n_bytes,
    pull.n_requests,
    extract(EPOCH FROM pull.finished_at - pull.started_at)::double precision AS seconds,
    EXISTS (
        SELECT FROM load AS earlier
        WHERE
            earlier.source = load.source
            AND earlier.window_start = load.window_start
            AND earlier.window_end = load.window_end
            AND earlier.pull_id = load.pull_id
            AND earlier.load_id < load.load_id
    ) AS is_replay
FROM load
INNER JOIN pull USING (pull_id)
WHERE load.load_id = any(%(load_ids)s) AND pull.finished_at IS NOT NULL;

-- name: landed
-- The whole days inside a window that a complete pull of a source covers: what can be replayed.
SELECT DISTINCT day_start::date AS day
FROM pull
CROSS JOIN LATERAL generate_series(
    date_trunc('day', pull.window_start), pull.window_end - INTERVAL '24 hours', INTERVAL '24 hours'
) AS day_start
WHERE
    pull.source = %(source)s
    AND pull.finished_at IS NOT NULL
    AND pull.window_start < %(end)s
    AND pull.window_end > %(start)s
    -- A pull may begin in the middle of a day.
    AND day_start >= pull.window_start
    AND day_start >= %(start)s
    AND day_start < %(end)s
ORDER BY day;

-- name: restatements
-- Loads of a source since an instant that changed or removed points of a day which an earlier load had loaded after its
-- values were final, oldest first.
SELECT
    load.window_start::date AS day,
    load.n_changed,
    load.n_removed,
    load.n_unchanged
FROM load
WHERE
    load.source = %(source)s
    AND load.status = 'committed'
    AND load.loaded_at >= %(since)s
    AND load.n_changed + load.n_removed > 0
    AND load.window_end = load.window_start + INTERVAL '24 hours'
    AND EXISTS (
        SELECT FROM load AS earlier
        WHERE
            earlier.source = load.source
            AND earlier.status = 'committed'
            AND earlier.window_start = load.window_start
            AND earlier.window_end = load.window_end
            AND earlier.load_id < load.load_id
            AND earlier.loaded_at >= load.window_end + %(finalization_lag)s
    )
ORDER BY load.load_id;

-- name: totals
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

-- name: newest_id
-- The newest ledger row of all: a mark to count from.
SELECT coalesce(max(load_id), 0)
FROM load;

-- name: rejected_series
-- Whose rows some loads rejected: series, reason and count, worst first; what lies outside is no news.
SELECT
    series_key,
    reason,
    sum(n_rows)::bigint AS n_rows
FROM rejected
WHERE source = %(source)s AND last_load_id = ANY(%(load_ids)s::bigint []) AND reason <> ALL(%(exempt)s::text [])
GROUP BY series_key, reason
ORDER BY 3 DESC, series_key, reason
LIMIT %(most)s;

-- name: not_before
-- When the credential that held a source up the last time may be used again.
SELECT max(not_before) AS not_before
FROM retry_after
WHERE source = %(source)s;
