-- register_interval, register_local_day: what registers have counted. Run by the modules warehouse/register*.py.

-- name: lock
-- One writer of register intervals at a time for one source, until the transaction ends: an interval is judged by the
-- readings of neighbouring days, and whoever waited here sees what the one before has committed.
-- Needs: every other lock of the load is held already; nothing is waited for behind this one.
SELECT pg_advisory_xact_lock(hashtextextended('joulehouse registers ' || %(source)s, 0));

-- name: of_source
-- The registers of a source: what their readings are judged by.
SELECT
    series_id,
    quantity,
    provider_unit
FROM series
WHERE source = %(source)s AND kind = 'register' AND series_id = ANY(%(series_ids)s)
ORDER BY series_id;

-- name: next
-- The first reading of some registers from an instant on, or the first interval that is stored of them.
-- Register by register: the key serves "the first of one", and not "the first of these".
SELECT min(least(reading.measured_at, stored.ended_at))
FROM unnest({series_ids}::integer []) AS asked (series_id)
LEFT JOIN LATERAL (
    SELECT measured_at
    FROM measurement
    WHERE measurement.series_id = asked.series_id AND measured_at >= {limit}
    ORDER BY measured_at
    LIMIT 1
) AS reading ON true
LEFT JOIN LATERAL (
    SELECT ended_at
    FROM register_interval
    WHERE register_interval.series_id = asked.series_id AND ended_at >= {limit}
    ORDER BY ended_at
    LIMIT 1
) AS stored ON true;

-- name: readings_beside
-- The newest readings of each register before an instant, or the oldest from it on: one row per register, in the shape of
-- `load/stored_numbers`.
SELECT
    asked.series_id,
    string_agg(timestamptz_send(found.measured_at), ''::bytea) AS times,
    string_agg(float8send(found.value), ''::bytea) AS numbers
FROM unnest({series_ids}::integer []) AS asked (series_id)
CROSS JOIN LATERAL (
    SELECT
        measured_at,
        value
    FROM measurement
    WHERE measurement.series_id = asked.series_id AND measured_at {comparison} {limit}
    ORDER BY measured_at {direction}
    LIMIT {n_readings}
) AS found
GROUP BY asked.series_id;

-- name: stored
-- The intervals of some registers that end inside a span: one row per register, its columns as strings of 8 bytes a row.
SELECT
    series_id,
    string_agg(timestamptz_send(ended_at), ''::bytea) AS ends,
    string_agg(timestamptz_send(measured_at), ''::bytea) AS begins,
    string_agg(float8send(amount), ''::bytea) AS amounts,
    string_agg(float8send(coalesce(usual, 'NaN')), ''::bytea) AS usual,
    string_agg(float8send(coalesce(spacing, 'NaN')), ''::bytea) AS spacing,
    array_agg(flag) AS flags
FROM register_interval
WHERE series_id = ANY({series_ids}::integer []) AND ended_at >= {start} AND ended_at < {end}
GROUP BY series_id;

-- name: remove
-- Intervals that are judged otherwise now, or whose readings are gone. Literal times and series, so that only the chunks
-- and segments of these intervals are touched.
DELETE FROM register_interval AS stored
USING unnest(%(ids)s::integer [], %(ends)s::timestamptz []) AS gone (series_id, ended_at)
WHERE
    stored.series_id = gone.series_id
    AND stored.ended_at = gone.ended_at
    AND stored.series_id = ANY({series_ids}::integer [])
    AND stored.ended_at >= {start}
    AND stored.ended_at < {end};

-- name: rescaled
-- Registers that are to be described in another unit of the provider: rollovers are judged in it.
SELECT known.series_id
FROM unnest(%(key)s::text [], %(provider_unit)s::text []) AS found (key, provider_unit)
INNER JOIN series AS known ON found.key = known.key
WHERE known.source = %(source)s AND known.kind = 'register' AND known.provider_unit <> found.provider_unit
ORDER BY known.series_id;

-- name: stored_days
-- The local days of some registers: one row per register, its columns as strings of as many values. Literal dates and
-- series, so that only the chunks of these days are opened.
SELECT
    series_id,
    string_agg(date_send(local_date), ''::bytea) AS dates,
    string_agg(timestamptz_send(partition_at), ''::bytea) AS partitions,
    string_agg(timestamptz_send(bucket_at), ''::bytea) AS buckets,
    string_agg(float8send(amount), ''::bytea) AS amounts,
    string_agg(int4send(n_intervals), ''::bytea) AS n_intervals,
    string_agg(int4send(n_flagged), ''::bytea) AS n_flagged
FROM register_local_day
WHERE series_id = ANY({series_ids}::integer []) AND local_date >= {first} AND local_date <= {last}
GROUP BY series_id;

-- name: remove_days
-- Local days of registers whose intervals say something else now, or are gone.
DELETE FROM register_local_day AS held
USING unnest(%(ids)s::integer [], %(dates)s::date [], %(partitions)s::timestamptz [])
    AS gone (series_id, local_date, partition_at)
WHERE
    held.series_id = gone.series_id
    AND held.local_date = gone.local_date
    AND held.partition_at = gone.partition_at
    AND held.series_id = ANY({series_ids}::integer [])
    AND held.local_date >= {first}
    AND held.local_date <= {last};
