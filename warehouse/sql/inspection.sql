-- load, measurement, state, TimescaleDB's own views: what the doctor looks at. Run by warehouse/inspection.py.

-- name: has_hypertables
-- Whether TimescaleDB is in this database at all.
SELECT to_regclass('timescaledb_information.hypertables') IS NOT NULL;

-- name: has_history
-- Whether Dagster has made the table of its events in this database.
SELECT to_regclass('event_logs') IS NOT NULL;

-- name: tables
-- Those of our tables that are to be hypertables, as far as the schema has come.
SELECT relname
FROM pg_class
WHERE
    relnamespace = 'public'::regnamespace
    AND relkind IN ('r', 'p')
    AND relname IN (
        'measurement', 'state', 'register_interval', 'register_local_day',
        'series_day', 'summary_hourly', 'summary_daily', 'summary_local_day'
    )
ORDER BY relname COLLATE "C";

-- name: hypertables
-- The hypertables that there are.
SELECT hypertable_name
FROM timescaledb_information.hypertables
WHERE hypertable_schema = 'public';

-- name: policies
-- The tables that are to be compressed: whether they can be, by which job, what became of its last run, and how many chunks
-- wait longer for it than two of its turns.
SELECT
    held.hypertable_name AS table_name,
    held.compression_enabled AS has_columnstore,
    jobs.job_id,
    jobs.scheduled AS is_scheduled,
    job_stats.last_run_status,
    job_stats.last_run_started_at,
    (
        SELECT count(*)
        FROM timescaledb_information.chunks
        WHERE
            chunks.hypertable_schema = held.hypertable_schema
            AND chunks.hypertable_name = held.hypertable_name
            AND NOT chunks.is_compressed
            AND chunks.range_end
            < clock_timestamp() - (jobs.config ->> 'compress_after')::interval - 2 * jobs.schedule_interval
    ) AS n_overdue
FROM timescaledb_information.hypertables AS held
LEFT JOIN timescaledb_information.jobs
    ON
        jobs.hypertable_schema = held.hypertable_schema
        AND jobs.hypertable_name = held.hypertable_name
        AND jobs.proc_name IN ('policy_compression', 'policy_columnstore')
LEFT JOIN timescaledb_information.job_stats ON job_stats.job_id = jobs.job_id
WHERE held.hypertable_schema = 'public' AND held.hypertable_name IN ('measurement', 'register_interval', 'state')
ORDER BY held.hypertable_name;

-- name: loaded_days
-- Every source and UTC day that a load has committed, the newest first.
SELECT DISTINCT
    load.source,
    day_start::date AS day
FROM load
CROSS JOIN LATERAL generate_series(
    date_trunc('day', load.window_start), load.window_end - INTERVAL '1 microsecond', INTERVAL '1 day'
) AS day_start
WHERE load.status = 'committed'
ORDER BY load.source, day DESC;

-- name: account
-- One day: how many points its newest load says, and how many are there, without those of a stream that no load has
-- confirmed. No row where that load was not of this day alone. One statement, hence one moment.
-- Literal times and series: other chunks are never opened.
SELECT
    newest.n_points,
    (
        SELECT count(*)
        FROM measurement
        WHERE series_id = ANY({series_ids}::integer []) AND measured_at >= {start} AND measured_at < {end}
    )
    + (
        SELECT count(*)
        FROM state
        WHERE series_id = ANY({series_ids}::integer []) AND measured_at >= {start} AND measured_at < {end}
    )
    - (
        SELECT count(*)
        FROM live_point
        WHERE series_id = ANY({series_ids}::integer []) AND measured_at >= {start} AND measured_at < {end}
    ) AS n_stored
FROM (
    SELECT
        n_points,
        window_start,
        window_end
    FROM load
    WHERE source = %(source)s AND status = 'committed' AND window_start < {end} AND window_end > {start}
    ORDER BY load_id DESC
    LIMIT 1
) AS newest
WHERE newest.window_start = {start} AND newest.window_end = {end};
