-- series_day: facts of every series and UTC day. Run by warehouse/series_days.py and the modules series_day_*.

-- name: sources
-- The sources that have series, and which.
SELECT
    source,
    array_agg(series_id ORDER BY series_id) AS series_ids
FROM series
GROUP BY source
ORDER BY source;

-- name: stored
-- The facts of some series on some days, packed: 60 bytes each. Literal days and series, so that other chunks are never
-- opened.
SELECT
    string_agg(
        int4send(series_id) || date_send(day) || int4send(found)
        || timestamptz_send(first_at) || timestamptz_send(last_at) || float8send(longest_gap_seconds)
        || float8send(coalesce(minimum, 'NaN')) || float8send(coalesce(maximum, 'NaN')) || int8send(value_hash),
        ''::bytea
    )
FROM series_day
WHERE series_id = ANY({series_ids}::integer []) AND day >= {first}::date AND day <= {last}::date;

-- name: write
-- Facts that are new or say something else now, from where they are staged.
INSERT INTO series_day (
    series_id, day, found, first_at, last_at, longest_gap_seconds, minimum, maximum, value_hash
)
SELECT
    series_id,
    day,
    found,
    first_at,
    last_at,
    longest_gap_seconds,
    minimum,
    maximum,
    value_hash
FROM {staged}
ON CONFLICT (series_id, day) DO UPDATE SET
    found = excluded.found,
    first_at = excluded.first_at,
    last_at = excluded.last_at,
    longest_gap_seconds = excluded.longest_gap_seconds,
    minimum = excluded.minimum,
    maximum = excluded.maximum,
    value_hash = excluded.value_hash,
    expected = NULL,
    verdict = NULL,
    since = NULL;

-- name: remove
-- Days on which a series has no points any longer: whether some are expected is judged anew. Literal days, so that other
-- chunks are never opened.
UPDATE series_day
SET
    found = 0,
    first_at = NULL,
    last_at = NULL,
    longest_gap_seconds = NULL,
    minimum = NULL,
    maximum = NULL,
    value_hash = NULL,
    expected = NULL,
    verdict = NULL,
    since = NULL
FROM unnest(%(series_ids)s::integer [], %(days)s::date []) AS gone (series_id, day)
WHERE
    series_day.series_id = gone.series_id
    AND series_day.day = gone.day
    AND series_day.day >= {first}::date
    AND series_day.day <= {last}::date;

-- name: clear
-- What stands there where days are loaded for the first time: nothing, unless points were deleted by hand.
DELETE FROM series_day
WHERE series_id = ANY({series_ids}::integer []) AND day >= {first}::date AND day <= {last}::date;

-- name: note
-- Days of a source on which something has been written since they were judged. Needs: the locks of the days.
INSERT INTO unassessed_day (source, day, noted_at)
SELECT
    series.source,
    changed.day,
    clock_timestamp()
FROM series
CROSS JOIN unnest(%(days)s::date []) AS changed (day)
WHERE series.series_id = %(series_id)s
ON CONFLICT (source, day) DO UPDATE SET noted_at = excluded.noted_at;

-- name: note_empty
-- The same where a load has found nothing, or days around these are to be judged.
INSERT INTO unassessed_day (source, day, noted_at)
SELECT
    %(source)s,
    changed.day,
    clock_timestamp()
FROM unnest(%(days)s::date []) AS changed (day)
ON CONFLICT (source, day) DO UPDATE SET noted_at = excluded.noted_at;
