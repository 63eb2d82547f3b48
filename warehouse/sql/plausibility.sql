-- series_flag, unflagged_day. Run by warehouse/plausibility.py and completeness.py.

-- name: lock
-- One at a time judges whether a source is plausible; until the transaction ends. No load and no verdict waits for it.
SELECT pg_advisory_xact_lock(hashtextextended(format('joulehouse flags %%s', %(source)s::text), 0));

-- name: note
-- Days to be judged, in order.
INSERT INTO unflagged_day (source, day, noted_at)
SELECT
    %(source)s,
    day,
    clock_timestamp()
FROM unnest(%(days)s::date []) AS day
ON CONFLICT (source, day) DO UPDATE SET noted_at = excluded.noted_at;

-- name: noted
-- The newest of these days, and those of some weeks before it.
SELECT
    day,
    noted_at
FROM unflagged_day
WHERE source = %(source)s AND day > (SELECT max(day) - %(n_days)s::integer FROM unflagged_day WHERE source = %(source)s)
ORDER BY day;

-- name: waiting
-- How many of these days lie within a span.
SELECT count(*) AS n_days
FROM unflagged_day
WHERE source = %(source)s AND day >= %(first)s AND day <= %(last)s;

-- name: done
-- Days that were judged as they were noted; one that was noted anew meanwhile, or is being noted, stays.
WITH judged AS (
    SELECT unflagged_day.day
    FROM unflagged_day
    INNER JOIN unnest(%(days)s::date [], %(instants)s::timestamptz []) AS noted (day, noted_at) USING (day, noted_at)
    WHERE unflagged_day.source = %(source)s
    FOR UPDATE OF unflagged_day SKIP LOCKED
)

DELETE FROM unflagged_day
USING judged
WHERE unflagged_day.source = %(source)s AND unflagged_day.day = judged.day;

-- name: series
-- The series of numbers of a source that are no registers, a device after the other: on which of the days they have points
-- enough to be judged, and how many points have to be read. Literal days, so that other chunks are never opened.
SELECT
    series.series_id,
    series.key,
    series.device,
    series.site,
    array_agg(series_day.day) FILTER (WHERE series_day.day = ANY({days}::date []) AND series_day.found >= {least}) AS days,
    sum(series_day.found)::bigint AS n_points
FROM series_day
INNER JOIN series USING (series_id)
WHERE
    series.source = {source}
    AND series.kind IN ('gauge', 'interval')
    AND series_day.day >= {first}::date
    AND series_day.day <= {last}::date
    AND series_day.minimum IS NOT NULL
GROUP BY series.series_id
ORDER BY coalesce(nullif(series.device, ''), series.site), series.series_id;

-- name: forget
-- Flags of some days of a source that are raised no more.
DELETE FROM series_flag
USING series
WHERE
    series.series_id = series_flag.series_id
    AND series.source = %(source)s
    AND series_flag.day = ANY(%(days)s::date [])
    AND (series_flag.series_id, series_flag.day, series_flag.kind) NOT IN (
        SELECT
            raised.series_id,
            raised.day,
            raised.kind
        FROM unnest(%(series_ids)s::integer [], %(flag_days)s::date [], %(kinds)s::text []) AS raised (series_id, day, kind)
    );

-- name: write
-- Flags that are new, or whose evidence is another one.
INSERT INTO series_flag (series_id, day, kind, evidence)
SELECT
    series_id,
    day,
    kind,
    evidence
FROM unnest(
    %(series_ids)s::integer [], %(flag_days)s::date [], %(kinds)s::text [], %(evidence)s::text []
) AS raised (series_id, day, kind, evidence)
ON CONFLICT (series_id, day, kind) DO UPDATE SET evidence = excluded.evidence
WHERE series_flag.evidence <> excluded.evidence;

-- name: flags
-- What is implausible about the series of a source on some days. What a copy says as well is said once.
SELECT
    series.key,
    series.device,
    series_flag.day,
    series_flag.kind,
    series_flag.evidence,
    array(
        SELECT copy.key
        FROM series AS copy
        WHERE copy.copy_of = series.series_id AND copy.source = %(source)s
        ORDER BY copy.key
    ) AS copies
FROM series_flag
INNER JOIN series USING (series_id)
WHERE
    series.source = %(source)s
    AND series_flag.day >= %(first)s
    AND series_flag.day <= %(last)s
    AND NOT EXISTS (
        SELECT FROM series_flag AS said
        WHERE said.series_id = series.copy_of AND said.day = series_flag.day AND said.kind = series_flag.kind
    )
ORDER BY coalesce(nullif(series.device, ''), series.key), series_flag.day, series.key, series_flag.kind;

-- name: implausible
-- The series of a source that have flags on the newest judged days, and since when: the first flagged day of those of which
-- each is less than so many days behind the one before it.
WITH raised AS (
    SELECT
        series_flag.series_id,
        series_flag.day,
        series_flag.kind,
        series_flag.evidence,
        series_flag.day - lag(series_flag.day) OVER (
            PARTITION BY series_flag.series_id ORDER BY series_flag.day, series_flag.kind
        ) AS n_days
    FROM series_flag
    INNER JOIN series USING (series_id)
    WHERE
        series.source = %(source)s
        AND NOT EXISTS (
            SELECT FROM series_flag AS said
            WHERE said.series_id = series.copy_of AND said.day = series_flag.day AND said.kind = series_flag.kind
        )
),

lasting AS (
    SELECT
        series_id,
        max(day) FILTER (WHERE n_days IS NULL OR n_days >= %(n_days)s) AS since
    FROM raised
    GROUP BY series_id
    HAVING max(day) > (SELECT through - %(n_days)s::integer FROM assessment WHERE source = %(source)s)
)

SELECT
    series.key,
    series.device,
    lasting.since,
    count(*)::integer AS n_flags,
    (array_agg(raised.kind ORDER BY raised.day DESC, raised.kind)) [1] AS kind,
    (array_agg(raised.evidence ORDER BY raised.day DESC, raised.kind)) [1] AS evidence
FROM lasting
INNER JOIN raised ON raised.series_id = lasting.series_id AND raised.day >= lasting.since
INNER JOIN series ON series.series_id = lasting.series_id
GROUP BY series.series_id, series.key, series.device, lasting.since
ORDER BY n_flags DESC, series.key;

-- name: copies
-- Series of a source that say the same, of one quantity: the same values at the same instants on so many days, of which no
-- two are alike, and on no day others. The one that was there first is the original, unless its provider calls it a copy.
-- Literal days, so that other chunks are never opened. What said the same before, and says nothing now, stays a copy.
WITH told AS (
    SELECT
        series_day.series_id,
        series_day.day,
        series_day.value_hash,
        series.quantity
    FROM series_day
    INNER JOIN series USING (series_id)
    WHERE
        series.source = {source}
        AND series_day.day >= {first}::date
        AND series_day.day <= {last}::date
        AND series_day.found >= {least}
        AND series_day.minimum < series_day.maximum
),

candidate AS MATERIALIZED (
    SELECT
        one.series_id,
        other.series_id AS other_id
    FROM told AS one
    INNER JOIN told AS other USING (day, value_hash, quantity)
    WHERE one.series_id <> other.series_id
    UNION
    SELECT
        series_id,
        copy_of
    FROM series
    WHERE source = {source} AND copy_of IS NOT NULL
),

pair AS (
    SELECT
        candidate.series_id,
        candidate.other_id,
        count(DISTINCT one.value_hash) FILTER (WHERE one.value_hash = other.value_hash) AS n_equal,
        bool_or(one.value_hash <> other.value_hash) AS is_unlike
    FROM candidate
    INNER JOIN told AS one USING (series_id)
    INNER JOIN told AS other ON other.series_id = candidate.other_id AND other.day = one.day
    GROUP BY candidate.series_id, candidate.other_id
),

found AS (
    SELECT DISTINCT ON (known.series_id)
        known.series_id,
        nullif(original.series_id, known.series_id) AS copy_of
    FROM pair
    INNER JOIN series AS known USING (series_id)
    INNER JOIN series AS original
        ON original.series_id = known.series_id OR (original.series_id = pair.other_id AND NOT pair.is_unlike)
    WHERE
        (pair.n_equal >= {n_days} AND NOT pair.is_unlike)
        OR (pair.is_unlike AND pair.other_id = known.copy_of)
    ORDER BY known.series_id, original.labels ? 'copy_of', original.series_id
)

UPDATE series
SET copy_of = found.copy_of
FROM found
WHERE series.series_id = found.series_id AND series.copy_of IS DISTINCT FROM found.copy_of;

-- name: limits
-- Says by which limits a source is judged; no row where they are the same as the last time.
UPDATE assessment
SET limits = %(limits)s
WHERE source = %(source)s AND limits IS DISTINCT FROM %(limits)s;

-- name: keys
-- The series of a source that are judged.
SELECT
    series_id,
    key
FROM series
WHERE source = %(source)s AND kind IN ('gauge', 'interval');

-- name: beyond
-- The days on which some series have shown less or more than is possible, of those with points enough to be judged.
SELECT
    series_day.series_id,
    series_day.day,
    series_day.minimum,
    series_day.maximum
FROM series_day
INNER JOIN unnest(
    %(bounded)s::integer [], %(least)s::double precision [], %(most)s::double precision []
) AS possible (series_id, least, most) USING (series_id)
WHERE
    series_day.found >= %(n_points)s
    AND (series_day.minimum < possible.least OR series_day.maximum > possible.most);

-- name: forget_limits
-- Flags of a source for a limit that are raised no more.
DELETE FROM series_flag
USING series
WHERE
    series.series_id = series_flag.series_id
    AND series.source = %(source)s
    AND series_flag.kind = 'limit'
    AND (series_flag.series_id, series_flag.day) NOT IN (
        SELECT
            raised.series_id,
            raised.day
        FROM unnest(%(series_ids)s::integer [], %(flag_days)s::date []) AS raised (series_id, day)
    );
