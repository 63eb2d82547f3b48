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
owed AS (
    SELECT
        expected.day_start,
        tried.tried_at,
        row_number() OVER (ORDER BY expected.day_start DESC) > %(n_newest)s AS is_other
    FROM expected
    CROSS JOIN LATERAL (SELECT expected.day_start + INTERVAL '24 hours' + %(settles_after)s AS settled_at) AS then_
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
FROM owed
ORDER BY is_other, CASE WHEN is_other THEN tried_at END NULLS FIRST, day_start DESC
LIMIT %(n_newest)s + %(n_others)s;
