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
