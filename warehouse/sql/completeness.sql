-- series_day judged, unassessed_day, assessment, series_life. Run by warehouse/assessment.py, assessment_rows.py and completeness.py.

-- name: lock
-- One at a time judges a source; until the transaction ends.
SELECT pg_advisory_xact_lock(hashtextextended(format('joulehouse assess %%s', %(source)s::text), 0));

-- name: lock_free
-- The same locks that a load takes of its days, where nobody has them: a load that is under way is not waited for.
SELECT
    day,
    pg_try_advisory_xact_lock(hashtextextended('joulehouse load ' || %(source)s::text || ' ' || day, 0)) AS is_free
FROM unnest(%(days)s::date []) AS day;

-- name: series
-- The series of a source that have points: what they are, and when they began and spoke last, now and as it was judged.
-- An index of series and days: the first and the last chunk that has a series are opened for it, and not all.
SELECT
    series.series_id,
    series.key,
    series.device,
    series.site,
    extract(EPOCH FROM series.resolution)::double precision AS resolution_seconds,
    series.time_zone,
    coalesce(series.labels ->> 'span', '') AS span,
    extract(EPOCH FROM begun.first_at)::double precision AS begun,
    extract(EPOCH FROM spoken.last_at)::double precision AS last,
    extract(EPOCH FROM series_life.begun_at)::double precision AS begun_before,
    extract(EPOCH FROM series_life.last_at)::double precision AS last_before,
    series_life.silent_from,
    series_life.late_from,
    series_life.judged_by
FROM series
CROSS JOIN LATERAL (
    SELECT first_at
    FROM series_day
    WHERE series_day.series_id = series.series_id AND series_day.found > 0
    ORDER BY series_day.day
    LIMIT 1
) AS begun
CROSS JOIN LATERAL (
    SELECT last_at
    FROM series_day
    WHERE series_day.series_id = series.series_id AND series_day.found > 0
    ORDER BY series_day.day DESC
    LIMIT 1
) AS spoken
LEFT JOIN series_life USING (series_id)
WHERE series.source = %(source)s
ORDER BY series.series_id;

-- name: unassessed
-- Days of a source on which something has changed since they were judged, and until which day it is judged.
SELECT
    day,
    noted_at
FROM unassessed_day
WHERE source = %(source)s
ORDER BY day;

-- name: waiting
-- How many days within a span have changed since they were judged; all from the first one on where no last one is given.
SELECT count(*) AS n_days
FROM unassessed_day
WHERE source = %(source)s AND day >= %(first)s AND (%(last)s::date IS NULL OR day <= %(last)s);

-- name: through
-- Until which day a source is judged.
SELECT through
FROM assessment
WHERE source = %(source)s;

-- name: loaded_until
-- The newest whole UTC day that a committed load of a source has covered; null where there is none.
SELECT (max(date_trunc('day', window_end, 'UTC')) AT TIME ZONE 'UTC')::date - 1 AS day
FROM load
WHERE source = %(source)s AND status = 'committed';

-- name: loaded_days
-- The UTC days of a source that a committed load has covered in whole, within some days.
SELECT DISTINCT day_at::date AS day
FROM load
CROSS JOIN LATERAL generate_series(window_start, window_end - INTERVAL '1 day', INTERVAL '1 day') AS day_at
WHERE
    source = %(source)s
    AND status = 'committed'
    AND window_start = date_trunc('day', window_start, 'UTC')
    AND day_at >= %(start)s
    AND day_at < %(end)s;

-- name: facts
-- Facts and verdicts of some series on some days, packed: 58 bytes each. Literal days and series.
SELECT
    string_agg(
        int4send(series_id) || date_send(day) || int4send(found)
        || timestamptz_send(coalesce(first_at, '-infinity')) || timestamptz_send(coalesce(last_at, '-infinity'))
        || float8send(coalesce(longest_gap_seconds, 0)) || float8send(coalesce(expected, 'NaN'::double precision))
        || int2send(coalesce(array_position({words}::text [], verdict), 0)::smallint)
        || timestamptz_send(coalesce(since, '-infinity')),
        ''::bytea
    )
FROM series_day
WHERE series_id = ANY({series_ids}::integer []) AND day >= {first}::date AND day <= {last}::date;

-- name: stage
-- Where verdicts lie for a moment before they are written.
CREATE TEMPORARY TABLE IF NOT EXISTS {staged} (
    series_id integer, day date, found integer, expected integer, verdict text, since timestamptz
) ON COMMIT DROP;
TRUNCATE {staged};

-- name: write
-- Verdicts that are new or others now. A day whose facts have changed meanwhile is left: it is noted, and judged again.
INSERT INTO series_day (series_id, day, found, expected, verdict, since)
SELECT
    series_id,
    day,
    found,
    expected,
    verdict,
    since
FROM {staged}
ON CONFLICT (series_id, day) DO UPDATE SET
    expected = excluded.expected,
    verdict = excluded.verdict,
    since = excluded.since
WHERE series_day.found = excluded.found;

-- name: forget
-- Rows of days without points on which none are expected. Literal days, so that other chunks are never opened.
DELETE FROM series_day
USING unnest(%(series_ids)s::integer [], %(days)s::date []) AS idle (series_id, day)
WHERE
    series_day.series_id = idle.series_id
    AND series_day.day = idle.day
    AND series_day.found = 0
    AND series_day.day >= {first}::date
    AND series_day.day <= {last}::date;

-- name: runs
-- The first day of the silence that a series is in, and the first day of which points are still to come.
SELECT
    series_id,
    min(day) FILTER (WHERE verdict = 'silent') AS silent_from,
    min(day) FILTER (WHERE verdict = 'late') AS late_from
FROM series_day
WHERE series_id = ANY({series_ids}::integer []) AND day >= {first}::date AND verdict IN ('silent', 'late')
GROUP BY series_id;

-- name: write_lives
-- What the series were judged by.
INSERT INTO series_life (series_id, begun_at, last_at, silent_from, late_from, judged_by)
SELECT
    series_id,
    to_timestamp(begun),
    to_timestamp(last),
    silent_from,
    late_from,
    judged_by
FROM unnest(
    %(series_ids)s::integer [], %(begun)s::double precision [], %(last)s::double precision [],
    %(silent_from)s::date [], %(late_from)s::date [], %(judged_by)s::text []
) AS life (series_id, begun, last, silent_from, late_from, judged_by)
ON CONFLICT (series_id) DO UPDATE SET
    begun_at = excluded.begun_at,
    last_at = excluded.last_at,
    silent_from = excluded.silent_from,
    late_from = excluded.late_from,
    judged_by = excluded.judged_by
WHERE
    (series_life.begun_at, series_life.last_at, series_life.silent_from, series_life.late_from, series_life.judged_by)
    IS DISTINCT FROM
    (excluded.begun_at, excluded.last_at, excluded.silent_from, excluded.late_from, excluded.judged_by);

-- name: done
-- Days that were judged as they were noted; one that was noted anew meanwhile, or that a load is noting, stays.
WITH judged AS (
    SELECT unassessed_day.day
    FROM unassessed_day
    INNER JOIN unnest(%(days)s::date [], %(instants)s::timestamptz []) AS noted (day, noted_at) USING (day, noted_at)
    WHERE unassessed_day.source = %(source)s
    FOR UPDATE OF unassessed_day SKIP LOCKED
)

DELETE FROM unassessed_day
USING judged
WHERE unassessed_day.source = %(source)s AND unassessed_day.day = judged.day;

-- name: write_through
-- Until which day a source is judged.
INSERT INTO assessment (source, through, assessed_at)
VALUES (%(source)s, %(through)s, clock_timestamp())
ON CONFLICT (source) DO UPDATE SET
    through = greatest(assessment.through, excluded.through),
    assessed_at = excluded.assessed_at;

-- name: forget_through
-- Nothing of a source counts as judged.
DELETE FROM assessment
WHERE source = %(source)s;

-- name: gaps
-- What the series of a source lack on some days, by verdict. One pass over the rows of these days. A day that a person has
-- confirmed lacks nothing.
SELECT
    series.series_id,
    series.key,
    series.device,
    series.site,
    gap.verdict,
    gap.since,
    gap.n_missing,
    gap.n_expected,
    gap.days,
    original.key AS copy_of
FROM (
    SELECT
        series_id,
        verdict,
        coalesce(min(since), min(day)::timestamp AT TIME ZONE 'UTC') AS since,
        sum(greatest(expected - found, 0)) AS n_missing,
        sum(expected) AS n_expected,
        array_agg(day ORDER BY day) AS days
    FROM series_day
    WHERE
        day >= %(first)s
        AND day <= %(last)s
        AND (verdict IN ('partial', 'silent', 'late', 'absent') OR (verdict = 'unknown' AND found = 0))
        AND series_id IN (SELECT series_id FROM series WHERE source = %(source)s)
        AND day NOT IN (SELECT day FROM judged_day WHERE source = %(source)s AND confirmed_at IS NOT NULL)
    GROUP BY series_id, verdict
) AS gap
INNER JOIN series USING (series_id)
LEFT JOIN series AS original ON original.series_id = series.copy_of
ORDER BY series.device, series.key, gap.since;

-- name: silent_devices
-- The devices of a source with series that are silent, as it was judged: how many of how many, and since when.
SELECT
    coalesce(nullif(series.device, ''), series.key) AS device,
    series.site,
    count(*) FILTER (WHERE series_life.silent_from IS NOT NULL) AS n_silent,
    count(*) AS n_series,
    min(series_life.last_at) FILTER (WHERE series_life.silent_from IS NOT NULL) AS since
FROM series_life
INNER JOIN series USING (series_id)
WHERE series.source = %(source)s
GROUP BY 1, 2
HAVING bool_or(series_life.silent_from IS NOT NULL)
ORDER BY 1, 2;

-- name: calendar
-- Every verdict on some days on the series of a source that lack most points there, the worst first.
WITH judged AS (
    SELECT
        series_id,
        day,
        verdict,
        found,
        expected,
        CASE WHEN expected > 0 AND verdict <> 'late' THEN least(found::double precision / expected, 1) END AS share
    FROM series_day
    WHERE
        day >= %(first)s
        AND day <= %(last)s
        AND verdict IS NOT NULL
        AND series_id IN (SELECT series_id FROM series WHERE source = %(source)s)
),

worst AS (
    SELECT
        series_id,
        coalesce(sum(1 - share), 0) AS lack
    FROM judged
    GROUP BY series_id
    ORDER BY lack DESC, series_id
    LIMIT %(most)s
)

SELECT
    series.key,
    judged.day,
    judged.verdict,
    judged.share
FROM worst
INNER JOIN judged USING (series_id)
INNER JOIN series USING (series_id)
ORDER BY worst.lack DESC, series.key, judged.day;

-- name: calendar_groups
-- Per site and day, the share of the expected points of its series that is there.
SELECT
    series.site,
    series_day.day,
    sum(least(series_day.found, series_day.expected))::double precision / sum(series_day.expected) AS share
FROM series_day
INNER JOIN series USING (series_id)
WHERE
    series.source = %(source)s
    AND series_day.day >= %(first)s
    AND series_day.day <= %(last)s
    AND series_day.expected > 0
    AND series_day.verdict <> 'late'
GROUP BY series.site, series_day.day
ORDER BY series.site, series_day.day;
