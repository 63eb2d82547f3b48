-- summary_hourly, summary_daily, summary_local_day. Run by warehouse/summaries.py and the modules summary_*.

-- name: of_source
-- The series of a source that have numbers, with their zones.
SELECT
    series_id,
    time_zone
FROM series
WHERE source = %(source)s AND kind <> 'state'
ORDER BY series_id;

-- name: keys
-- The series of a source that have numbers: number, key and zone.
SELECT
    series_id,
    key,
    time_zone
FROM series
WHERE source = %(source)s AND kind <> 'state'
ORDER BY series_id;

-- name: days_of_chunks
-- UTC days inside a window on which chunks of points or of what is derived from them lie: beside one point of 1970 there are
-- thousands of days without any.
SELECT DISTINCT day_at
FROM timescaledb_information.chunks
CROSS JOIN LATERAL generate_series(
    -- A chunk of local days has parts of the UTC days before and behind it.
    greatest(
        date_trunc('day', range_start, 'UTC') - INTERVAL '48 hours',
        date_trunc('day', %(start)s::timestamptz, 'UTC')
    ),
    least(range_end + INTERVAL '48 hours', %(end)s) - INTERVAL '1 microsecond',
    INTERVAL '24 hours'
) AS day_at
WHERE
    hypertable_schema = 'public'
    AND hypertable_name IN (
        'measurement', 'state', 'summary_hourly', 'summary_daily', 'summary_local_day', 'series_day'
    )
ORDER BY day_at;

-- name: has_day
-- Whether any of some series has points on a UTC day, or facts and summaries of points it once had.
-- Literal times: other chunks are never opened. A series at a time, so that the first one that has any is the last asked.
SELECT
    EXISTS (
        SELECT
        FROM unnest({series_ids}::integer []) AS asked (series_id)
        CROSS JOIN LATERAL (
            SELECT
            FROM measurement
            WHERE measurement.series_id = asked.series_id AND measured_at >= {start} AND measured_at < {end}
            LIMIT 1
        ) AS found
    )
    OR EXISTS (
        SELECT
        FROM unnest({series_ids}::integer []) AS asked (series_id)
        CROSS JOIN LATERAL (
            SELECT
            FROM state
            WHERE state.series_id = asked.series_id AND measured_at >= {start} AND measured_at < {end}
            LIMIT 1
        ) AS found
    )
    OR EXISTS (
        SELECT
        FROM series_day
        WHERE series_id = ANY({series_ids}::integer []) AND day = {day}::date AND found > 0
    )
    OR EXISTS (
        SELECT
        FROM summary_daily
        WHERE series_id = ANY({series_ids}::integer []) AND bucket_at = {start}
    )
    OR EXISTS (
        SELECT
        FROM summary_hourly
        WHERE series_id = ANY({series_ids}::integer []) AND bucket_at >= {start} AND bucket_at < {end}
    )
    OR EXISTS (
        SELECT
        FROM summary_local_day
        WHERE
            series_id = ANY({series_ids}::integer [])
            AND local_date >= {first}
            AND local_date <= {last}
            AND partition_at = {start}
    );

-- name: zones
-- The zones of some series.
SELECT
    series_id,
    time_zone
FROM series
WHERE series_id = ANY(%(series_ids)s)
ORDER BY series_id;

-- name: server_zones
-- Zones of the catalogue, and whether the server knows each.
SELECT DISTINCT
    series.time_zone,
    EXISTS(SELECT FROM pg_timezone_names WHERE pg_timezone_names.name = series.time_zone) AS is_known
FROM series
ORDER BY series.time_zone;

-- name: offsets
-- The seconds by which a zone of the server's own database is ahead of UTC at some instants. Needs: it knows the zone.
SELECT extract(EPOCH FROM (instant AT TIME ZONE zone_in_full(%(zone)s)) - (instant AT TIME ZONE 'UTC'))::integer AS ahead
FROM unnest(%(instants)s::timestamptz []) WITH ORDINALITY AS asked (instant, place)
ORDER BY place;

-- name: stage
-- Where summaries lie for a moment before they are written. Seen by this session only, gone with the transaction.
CREATE TEMPORARY TABLE IF NOT EXISTS {staged} (LIKE {summary}) ON COMMIT DROP;
TRUNCATE {staged};

-- name: stored_bucket
-- The rows of summary_hourly or summary_daily of some series inside a window, packed: 52 bytes each. Literal times and
-- series.
SELECT
    string_agg(
        int4send(series_id) || timestamptz_send(bucket_at) || int8send(n_points::bigint)
        || float8send(minimum) || float8send(maximum) || float8send(total) || float8send(latest),
        ''::bytea
    )
FROM {summary}
WHERE series_id = ANY({series_ids}::integer []) AND bucket_at >= {start} AND bucket_at < {end};

-- name: stored_local_day
-- The parts of local days of some series that the partitions inside a window wrote, packed. A local date is at most two
-- days away from its partition: literal bounds for the chunks.
SELECT
    string_agg(
        int4send(series_id) || timestamptz_send(partition_at) || date_send(local_date) || timestamptz_send(bucket_at)
        || int8send(n_points::bigint)
        || float8send(minimum) || float8send(maximum) || float8send(total) || float8send(latest),
        ''::bytea
    )
FROM summary_local_day
WHERE
    series_id = ANY({series_ids}::integer [])
    AND partition_at >= {start}
    AND partition_at < {end}
    AND local_date >= {first}::date
    AND local_date <= {last}::date;

-- name: write_bucket
-- Summaries of hours or days that are new or say something else now, from where they are staged.
INSERT INTO {summary} (series_id, bucket_at, n_points, minimum, maximum, total, latest)
SELECT
    series_id,
    bucket_at,
    n_points,
    minimum,
    maximum,
    total,
    latest
FROM {staged}
ON CONFLICT (series_id, bucket_at) DO UPDATE SET
    n_points = excluded.n_points,
    minimum = excluded.minimum,
    maximum = excluded.maximum,
    total = excluded.total,
    latest = excluded.latest;

-- name: write_local_day
-- Parts of local days that are new or say something else now, from where they are staged.
INSERT INTO summary_local_day (
    series_id, partition_at, local_date, bucket_at, n_points, minimum, maximum, total, latest
)
SELECT
    series_id,
    partition_at,
    local_date,
    bucket_at,
    n_points,
    minimum,
    maximum,
    total,
    latest
FROM {staged}
ON CONFLICT (series_id, local_date, partition_at) DO UPDATE SET
    bucket_at = excluded.bucket_at,
    n_points = excluded.n_points,
    minimum = excluded.minimum,
    maximum = excluded.maximum,
    total = excluded.total,
    latest = excluded.latest;

-- name: remove_bucket
-- Buckets of summary_hourly or summary_daily that have become empty. Literal times, so that other chunks are never
-- opened.
DELETE FROM {summary} AS stored
USING unnest(%(series_ids)s::integer [], %(instants)s::timestamptz []) AS gone (series_id, bucket_at)
WHERE
    stored.series_id = gone.series_id
    AND stored.bucket_at = gone.bucket_at
    AND stored.bucket_at >= {start}
    AND stored.bucket_at < {end};

-- name: remove_local_day
-- Parts of local days that have become empty. Literal dates, so that other chunks are never opened.
DELETE FROM summary_local_day
USING unnest(%(series_ids)s::integer [], %(instants)s::timestamptz [], %(dates)s::date [])
    AS gone (series_id, partition_at, local_date)
WHERE
    summary_local_day.series_id = gone.series_id
    AND summary_local_day.partition_at = gone.partition_at
    AND summary_local_day.local_date = gone.local_date
    AND summary_local_day.local_date >= {first}::date
    AND summary_local_day.local_date <= {last}::date;

-- name: clear_bucket
-- What stands in summary_hourly or summary_daily where a window is loaded for the first time: nothing, unless points
-- were deleted by hand.
DELETE FROM {summary}
WHERE series_id = ANY({series_ids}::integer []) AND bucket_at >= {start} AND bucket_at < {end};

-- name: clear_local_day
-- The same for the parts of local days.
DELETE FROM summary_local_day
WHERE
    series_id = ANY({series_ids}::integer [])
    AND partition_at >= {start}
    AND partition_at < {end}
    AND local_date >= {first}::date
    AND local_date <= {last}::date;

-- name: disagree_bucket
-- Buckets of measurement_hourly or measurement_daily that are not what a plain GROUP BY over the points says: counts,
-- minimum, maximum and latest exactly, total and mean to 1e-12 of the sum of magnitudes. Literal times and series.
WITH plain AS (
    SELECT
        series_id,
        time_bucket({width}, measured_at) AS bucket_at,
        count(*) AS n_points,
        min(value) AS minimum,
        max(value) AS maximum,
        sum(value) AS total,
        sum(abs(value)) AS magnitude,
        last(value, measured_at) AS latest
    FROM measurement
    WHERE series_id = ANY({series_ids}::integer []) AND measured_at >= {start} AND measured_at < {end}
    GROUP BY series_id, time_bucket({width}, measured_at)
),
said AS (
    SELECT *
    FROM {view}
    WHERE series_id = ANY({series_ids}::integer []) AND bucket_at >= {start} AND bucket_at < {end}
)
SELECT
    series_id,
    bucket_at::text AS bucket
FROM plain
FULL JOIN said USING (series_id, bucket_at)
WHERE
    (plain.n_points, plain.minimum, plain.maximum, plain.latest)
    IS DISTINCT FROM (said.n_points, said.minimum, said.maximum, said.latest)
    OR NOT abs(plain.total - said.total) <= 1e-12 * plain.magnitude
    OR NOT abs(plain.total / plain.n_points - said.mean) <= 1e-12 * plain.magnitude
ORDER BY series_id, bucket_at;

-- name: disagree_local_day
-- The same for the parts of local days that one UTC day has. Where a zone has its midnights comes with the question: one
-- database of zones decides, and it is not the server's.
WITH plain AS (
    SELECT
        measurement.series_id,
        stretch.local_date,
        count(*) AS n_points,
        min(measurement.value) AS minimum,
        max(measurement.value) AS maximum,
        sum(measurement.value) AS total,
        sum(abs(measurement.value)) AS magnitude,
        last(measurement.value, measurement.measured_at) AS latest
    FROM measurement
    INNER JOIN series USING (series_id)
    INNER JOIN
        unnest(%(zones)s::text [], %(dates)s::date [], %(begins)s::timestamptz [], %(ends)s::timestamptz [])
            AS stretch (time_zone, local_date, begun_at, ended_at)
        ON
            series.time_zone = stretch.time_zone
            AND measurement.measured_at >= stretch.begun_at
            AND measurement.measured_at < stretch.ended_at
    WHERE
        measurement.series_id = ANY({series_ids}::integer [])
        AND measurement.measured_at >= {start}
        AND measurement.measured_at < {end}
    GROUP BY measurement.series_id, stretch.local_date
),
said AS (
    SELECT *
    FROM summary_local_day
    WHERE
        series_id = ANY({series_ids}::integer [])
        AND partition_at >= {start}
        AND partition_at < {end}
        AND local_date >= {first}::date
        AND local_date <= {last}::date
)
SELECT
    series_id,
    local_date::text || ' (local)' AS bucket
FROM plain
FULL JOIN said USING (series_id, local_date)
WHERE
    (plain.n_points, plain.minimum, plain.maximum, plain.latest)
    IS DISTINCT FROM (said.n_points, said.minimum, said.maximum, said.latest)
    OR NOT abs(plain.total - said.total) <= 1e-12 * plain.magnitude
ORDER BY series_id, local_date;
