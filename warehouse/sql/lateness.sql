-- late_arrival: points that came after the first answer of their day. Run by warehouse/lateness.py.

-- name: after_first
-- Seconds between the first loaded answer of some days and a pull, where that came later.
SELECT
    asked.day,
    extract(EPOCH FROM (now_loaded.finished_at - min(earlier.finished_at)))::double precision AS seconds
FROM unnest(%(days)s::date []) AS asked (day)
INNER JOIN load
    ON
        load.source = %(source)s
        AND load.status = 'committed'
        AND load.window_start <= asked.day::timestamp AT TIME ZONE 'UTC'
        AND load.window_end > asked.day::timestamp AT TIME ZONE 'UTC'
INNER JOIN pull AS earlier USING (pull_id)
INNER JOIN pull AS now_loaded ON now_loaded.pull_id = %(pull_id)s
GROUP BY asked.day, now_loaded.finished_at
HAVING min(earlier.finished_at) < now_loaded.finished_at;

-- name: note
-- Points that came late: how many, of which series and day, and how late.
INSERT INTO late_arrival (series_id, day, load_id, n_points, late_seconds)
SELECT
    series_id,
    day,
    %(load_id)s,
    n_points,
    late_seconds
FROM unnest(
    %(series_ids)s::integer [], %(days)s::date [], %(counts)s::integer [], %(seconds)s::double precision []
) AS late (series_id, day, n_points, late_seconds);

-- name: arrivals
-- Every late arrival of a source, by device.
SELECT
    CASE WHEN series.device <> '' THEN series.device ELSE series.key END AS device,
    late_arrival.day,
    late_arrival.n_points,
    late_arrival.late_seconds
FROM late_arrival
INNER JOIN series USING (series_id)
WHERE series.source = %(source)s;

-- name: recent
-- Of series of one device and resolution, where these were late on some days since one: their numbers, the days with points,
-- and the late arrivals. Left out are days without a point until much later (an outage that was healed), and days that were
-- asked for again because a series was new: its first point had not come yet, or came with them.
WITH member AS (
    SELECT
        series_id,
        min(series_id) OVER (PARTITION BY coalesce(nullif(device, ''), key), resolution) AS group_id
    FROM series
    WHERE source = %(source)s
),

late AS (
    SELECT
        member.group_id,
        late_arrival.series_id,
        late_arrival.day,
        late_arrival.n_points,
        late_arrival.late_seconds,
        pull.finished_at
    FROM late_arrival
    INNER JOIN member USING (series_id)
    INNER JOIN load USING (load_id)
    INNER JOIN pull USING (pull_id)
    WHERE late_arrival.day >= %(first)s
),

often AS (
    SELECT group_id
    FROM late
    GROUP BY group_id
    HAVING count(DISTINCT day) >= %(least_days)s
),

late_day AS (
    SELECT
        series_id,
        day,
        sum(n_points) AS n_points
    FROM late
    GROUP BY series_id, day
),

first_answer AS (
    SELECT
        day_at::date AS day,
        min(pull.finished_at) AS finished_at
    FROM load
    INNER JOIN pull USING (pull_id)
    CROSS JOIN LATERAL generate_series(
        date_trunc('day', load.window_start, 'UTC') AT TIME ZONE 'UTC',
        (load.window_end - INTERVAL '1 microsecond') AT TIME ZONE 'UTC',
        INTERVAL '1 day'
    ) AS day_at
    WHERE
        load.source = %(source)s
        AND load.status = 'committed'
        AND load.window_end > %(first)s::date::timestamp AT TIME ZONE 'UTC'
    GROUP BY 1
),

spoken AS (
    SELECT
        member.group_id,
        series_day.series_id,
        series_day.day,
        series_day.found > coalesce(late_day.n_points, 0) AS had_some
    FROM series_day
    INNER JOIN member USING (series_id)
    INNER JOIN often USING (group_id)
    LEFT JOIN late_day USING (series_id, day)
    WHERE series_day.day >= %(first)s AND series_day.found > 0
),

begun AS (
    SELECT
        spoken.series_id,
        min(first_answer.finished_at) FILTER (WHERE spoken.had_some) AS known_at
    FROM spoken
    LEFT JOIN first_answer USING (day)
    GROUP BY spoken.series_id
),

came AS (
    SELECT
        series_id,
        min(finished_at) AS first_at
    FROM late
    GROUP BY series_id
),

habit AS (
    SELECT
        late.group_id,
        array_agg(late.day) AS days,
        array_agg(late.n_points) AS counts,
        array_agg(late.late_seconds) AS seconds
    FROM late
    INNER JOIN spoken USING (series_id, day)
    INNER JOIN begun USING (series_id)
    INNER JOIN came USING (series_id)
    WHERE
        (spoken.had_some OR late.late_seconds <= %(longest_seconds)s)
        AND (
            late.finished_at > begun.known_at
            OR (late.day + 1)::timestamp AT TIME ZONE 'UTC' > came.first_at
        )
    GROUP BY late.group_id
)

SELECT
    array_agg(member.series_id) AS series_ids,
    (SELECT count(DISTINCT spoken.day) FROM spoken WHERE spoken.group_id = habit.group_id) AS n_spoken,
    habit.days,
    habit.counts,
    habit.seconds
FROM habit
INNER JOIN member USING (group_id)
GROUP BY habit.group_id, habit.days, habit.counts, habit.seconds;
