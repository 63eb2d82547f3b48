-- live_point, live_cover, live_gap: what streams have put, and their gaps. Run by warehouse/live.py and provisional.py.

-- name: write
-- Numbers or states of a live stream: where nothing is, they are put; what is there already is left as it is.
-- Those that were put are returned. Needs: the lock of the days they lie in.
INSERT INTO {points} (series_id, measured_at, value)
SELECT
    series_id,
    measured_at,
    value
FROM unnest(%(series_ids)s::integer [], %(instants)s::timestamptz [], %(values)s::{value_type} [])
    AS said (series_id, measured_at, value)
ORDER BY series_id, measured_at
ON CONFLICT (series_id, measured_at) DO NOTHING
RETURNING series_id, measured_at;

-- name: correct
-- Points that the stream says otherwise than before: its last word counts, as long as no load has confirmed a point.
UPDATE {points} AS held
SET value = said.value
FROM unnest(%(series_ids)s::integer [], %(instants)s::timestamptz [], %(values)s::{value_type} [])
    AS said (series_id, measured_at, value)
INNER JOIN live_point USING (series_id, measured_at)
WHERE
    held.series_id = said.series_id
    AND held.measured_at = said.measured_at
    AND held.measured_at >= %(first)s
    AND held.measured_at <= %(last)s
    AND held.value IS DISTINCT FROM said.value;

-- name: remember_points
-- Points that a stream has put, and no load has confirmed yet.
INSERT INTO live_point (series_id, measured_at)
SELECT
    series_id,
    measured_at
FROM unnest(%(series_ids)s::integer [], %(instants)s::timestamptz []) AS put (series_id, measured_at)
ON CONFLICT (series_id, measured_at) DO NOTHING;

-- name: provisional
-- The points inside a window that a stream has put and no load has confirmed: per series its instants.
SELECT
    live_point.series_id,
    string_agg(timestamptz_send(live_point.measured_at), ''::bytea) AS instants
FROM live_point
INNER JOIN series USING (series_id)
WHERE
    series.source = %(source)s
    AND live_point.measured_at >= %(start)s
    AND live_point.measured_at < %(end)s
GROUP BY live_point.series_id;

-- name: confirm
-- A load has said what is true of these series up to these instants: nothing of it is a stream's word any longer.
DELETE FROM live_point
USING unnest(%(series_ids)s::integer [], %(untils)s::timestamptz []) AS proven (series_id, until)
WHERE
    live_point.series_id = proven.series_id
    AND live_point.measured_at >= %(start)s
    AND live_point.measured_at < %(end)s
    AND live_point.measured_at <= proven.until;

-- name: advance_watermarks
-- How far a part of a stream is certain: never back, however many processes listen, and never ahead of the time it is.
INSERT INTO live_cover AS known (source, part, covered_until)
SELECT
    %(source)s,
    said.part,
    least(said.until, clock_timestamp())
FROM unnest(%(parts)s::text [], %(untils)s::timestamptz []) AS said (part, until)
ORDER BY said.part
ON CONFLICT (source, part) DO UPDATE SET
    covered_until = least(greatest(known.covered_until, excluded.covered_until), clock_timestamp()),
    covered_at = clock_timestamp();

-- name: watermarks
-- How far every part of a source's stream is certain.
SELECT
    part,
    covered_until
FROM live_cover
WHERE source = %(source)s;

-- name: mark_gap
-- A span of one day in which a stream may have missed something. Where it touches an open one of the same part and
-- reason that was not tried yet, that one grows, up to a longest span: what repeats all day makes few rows.
WITH grown AS (
    UPDATE live_gap
    SET
        gap_start = least(gap_start, %(start)s),
        gap_end = greatest(gap_end, %(end)s)
    WHERE gap_id = (
        SELECT known.gap_id
        FROM live_gap AS known
        WHERE
            known.source = %(source)s
            AND known.part = %(part)s
            AND known.reason = %(reason)s
            AND known.filled_at IS NULL
            AND known.n_failed = 0
            AND known.gap_start >= %(day_start)s
            AND known.gap_end <= %(day_end)s
            AND known.gap_start <= %(end)s
            AND known.gap_end >= %(start)s
            AND greatest(known.gap_end, %(end)s) - least(known.gap_start, %(start)s) <= %(longest)s
        ORDER BY known.gap_start DESC
        LIMIT 1
    )
    RETURNING gap_id
)

INSERT INTO live_gap (source, part, gap_start, gap_end, reason)
SELECT
    %(source)s,
    %(part)s,
    %(start)s,
    %(end)s,
    %(reason)s
WHERE NOT EXISTS (SELECT 1 FROM grown);

-- name: open_gaps
-- Gaps that nothing has filled yet and that had ended by then, by time; those that rest at an instant are left out.
SELECT
    gap_id,
    part,
    gap_start,
    gap_end,
    reason,
    n_failed,
    failure
FROM live_gap
WHERE
    source = %(source)s
    AND filled_at IS NULL
    AND gap_end <= %(by)s
    AND (next_try_at IS NULL OR %(at)s::timestamptz IS NULL OR next_try_at <= %(at)s)
ORDER BY gap_start, gap_id;

-- name: fill_gaps
-- Gaps whose every instant has been loaded from an export. One that has grown since it was read stays open.
UPDATE live_gap
SET
    filled_at = clock_timestamp(),
    next_try_at = NULL,
    load_id = %(load_id)s
FROM unnest(%(gap_ids)s::bigint [], %(starts)s::timestamptz [], %(ends)s::timestamptz [])
    AS said (gap_id, gap_start, gap_end)
WHERE
    live_gap.gap_id = said.gap_id
    AND live_gap.gap_start >= said.gap_start
    AND live_gap.gap_end <= said.gap_end
    AND live_gap.filled_at IS NULL;

-- name: back_off_gaps
-- Gaps that could not be filled: why, and when they are tried again.
UPDATE live_gap
SET
    n_failed = n_failed + 1,
    failure = %(failure)s,
    next_try_at = %(until)s
WHERE gap_id = ANY(%(gap_ids)s) AND filled_at IS NULL;

-- name: gaps
-- Every gap of a source inside a window, by time.
SELECT
    gap_id,
    part,
    gap_start,
    gap_end,
    reason,
    marked_at,
    filled_at,
    load_id,
    n_failed,
    failure,
    next_try_at
FROM live_gap
WHERE source = %(source)s AND gap_start < %(end)s AND gap_end > %(start)s
ORDER BY gap_start, gap_id;
