-- judged_day: loaded days that were judged by their counts. Run by warehouse/suspects.py.

-- name: unjudged
-- The whole UTC days that a source has loaded and that are to be judged, and their newest loads: days that never were, or of
-- which points or verdicts (then `load_id` is 0) are others since.
SELECT
    load.window_start::date AS day,
    max(load.load_id) AS load_id
FROM load
LEFT JOIN judged_day ON judged_day.source = load.source AND judged_day.day = load.window_start::date
WHERE
    load.source = %(source)s
    AND load.status = 'committed'
    AND load.window_end = load.window_start + INTERVAL '24 hours'
    -- Facts that are being filled do not count what is there.
    AND EXISTS (SELECT FROM derived WHERE derived.name = 'series_days' AND derived.complete_at IS NOT NULL)
GROUP BY load.window_start::date
HAVING
    bool_or(
        coalesce(judged_day.load_id, 0) = 0
        OR (load.load_id > judged_day.load_id AND load.n_inserted + load.n_changed + load.n_removed > 0)
    )
ORDER BY day;

-- name: unjudge
-- Days whose verdicts are others now. Needs: the lock of whoever judges a source.
UPDATE judged_day
SET load_id = 0
WHERE source = %(source)s AND day = ANY(%(days)s::date []);

-- name: lacking
-- Days on which series have less than half of what is expected, by the verdicts on them: points found and expected of all
-- series, how many have less than half, and these, the worst first. What is silent is missed for three weeks.
WITH judged AS (
    SELECT
        series.key,
        series_day.day,
        series_day.found,
        series_day.expected,
        series_day.verdict IN ('partial', 'silent', 'absent')
        AND (series_day.verdict <> 'silent' OR series_day.day < (series_day.since AT TIME ZONE 'UTC')::date + 21)
        AND (series_day.found * 2 < series_day.expected OR (series_day.expected IS NULL AND series_day.found = 0))
            AS is_low
    FROM series_day
    INNER JOIN series USING (series_id)
    WHERE
        series.source = %(source)s
        AND series_day.day = ANY(%(days)s::date [])
        AND series_day.verdict NOT IN ('unknown', 'not expected', 'late')
)

SELECT
    day,
    coalesce(sum(found) FILTER (WHERE expected IS NOT NULL), 0) AS n_found,
    coalesce(sum(expected), 0) AS n_expected,
    count(*) FILTER (WHERE is_low) AS n_low,
    array_agg(key ORDER BY found - expected, key) FILTER (WHERE is_low) AS keys,
    array_agg(found ORDER BY found - expected, key) FILTER (WHERE is_low) AS found,
    array_agg(expected ORDER BY found - expected, key) FILTER (WHERE is_low) AS expected
FROM judged
GROUP BY day
HAVING bool_or(is_low);

-- name: judge
-- What was found of some days. What a person confirmed stays confirmed as long as the day is suspect. A day of which verdicts
-- are missing, since a load is or was at it, waits: it is asked for here, behind them, since a load may have ended meanwhile.
INSERT INTO judged_day AS known (source, day, load_id, suspect)
SELECT
    %(source)s,
    day,
    load_id,
    suspect
FROM unnest(%(days)s::date [], %(load_ids)s::bigint [], %(suspects)s::text []) AS found (day, load_id, suspect)
WHERE NOT EXISTS (
    SELECT FROM unassessed_day WHERE unassessed_day.source = %(source)s AND unassessed_day.day = found.day
)
ON CONFLICT (source, day) DO UPDATE SET
    load_id = excluded.load_id,
    suspect = excluded.suspect,
    confirmed_at = CASE WHEN excluded.suspect IS NOT NULL THEN known.confirmed_at END;

-- name: open
-- The suspect days of a source that nobody has confirmed: why, and when each answer was asked for that said what the day
-- says now, the first one included.
WITH answer AS (
    SELECT
        judged_day.day,
        judged_day.suspect,
        coalesce(pull.started_at, load.loaded_at) AS asked_at,
        load.load_id,
        max(load.load_id) FILTER (WHERE load.n_inserted + load.n_changed + load.n_removed > 0)
            OVER (PARTITION BY judged_day.day) AS written_by
    FROM judged_day
    INNER JOIN load
        ON
            load.source = judged_day.source
            AND load.window_start = judged_day.day::timestamptz
            AND load.window_end = load.window_start + INTERVAL '24 hours'
            AND load.status = 'committed'
    LEFT JOIN pull ON pull.pull_id = load.pull_id
    WHERE judged_day.source = %(source)s AND judged_day.suspect IS NOT NULL AND judged_day.confirmed_at IS NULL
)
SELECT
    day,
    suspect AS reason,
    array_agg(asked_at ORDER BY asked_at) AS asked_at
FROM answer
WHERE written_by IS NULL OR load_id >= written_by
GROUP BY day, suspect
ORDER BY day;

-- name: confirm
-- A person says that a suspect day is right as it is.
UPDATE judged_day
SET confirmed_at = clock_timestamp()
WHERE source = %(source)s AND day = %(day)s AND suspect IS NOT NULL;
