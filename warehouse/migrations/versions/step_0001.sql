-- What step 0001 runs. Frozen: a change of the schema is a new step.

-- name: hypertables
-- Makes the two tables of points hypertables of seven-day chunks.
-- Needs: the timescaledb extension. Safe on a live database: only on empty tables.
-- No index on time alone: the key serves every question of one series, and a second index costs a third of a load.
SELECT create_hypertable('measurement', by_range('measured_at', INTERVAL '7 days'), create_default_indexes => false);
SELECT create_hypertable('state', by_range('measured_at', INTERVAL '7 days'), create_default_indexes => false);

-- name: summaries_community
-- Columnstore with its policy, and hourly and daily summaries as continuous aggregates.
-- Needs: the community edition (timescaledb.license = timescale), 2.18 or later. Safe on a live database: yes.
-- Chunks are compressed two weeks after their days: by then a scheduled run does not ask for them again.
-- The summaries are made WITH NO DATA because a step is one transaction; their policies fill them. They are not
-- materialized-only, so a reader sees a point as soon as it is committed, and they start at no offset, so a backfill
-- of an old year reaches them too.
ALTER TABLE measurement SET (
    timescaledb.enable_columnstore = true,
    timescaledb.segmentby = 'series_id',
    timescaledb.orderby = 'measured_at'
);
CALL add_columnstore_policy('measurement', after => INTERVAL '14 days');
CREATE MATERIALIZED VIEW measurement_hourly
WITH (timescaledb.continuous, timescaledb.materialized_only = false) AS
SELECT
    series_id,
    time_bucket(INTERVAL '1 hour', measured_at) AS bucket_at,
    count(*) AS n_points,
    avg(value) AS mean,
    min(value) AS minimum,
    max(value) AS maximum,
    sum(value) AS total,
    last(value, measured_at) AS latest
FROM measurement
GROUP BY series_id, time_bucket(INTERVAL '1 hour', measured_at)
WITH NO DATA;
CREATE MATERIALIZED VIEW measurement_daily
WITH (timescaledb.continuous, timescaledb.materialized_only = false) AS
SELECT
    series_id,
    time_bucket(INTERVAL '1 day', measured_at) AS bucket_at,
    count(*) AS n_points,
    avg(value) AS mean,
    min(value) AS minimum,
    max(value) AS maximum,
    sum(value) AS total,
    last(value, measured_at) AS latest
FROM measurement
GROUP BY series_id, time_bucket(INTERVAL '1 day', measured_at)
WITH NO DATA;
SELECT add_continuous_aggregate_policy(
    'measurement_hourly',
    start_offset => NULL,
    end_offset => INTERVAL '1 hour',
    schedule_interval => INTERVAL '1 hour'
);
SELECT add_continuous_aggregate_policy(
    'measurement_daily',
    start_offset => NULL,
    end_offset => INTERVAL '1 day',
    schedule_interval => INTERVAL '1 day'
);

-- name: summaries_apache
-- Hourly and daily summaries as plain views: the Apache edition has no continuous aggregates.
-- Needs: time_bucket. Safe on a live database: yes.
CREATE VIEW measurement_hourly AS
SELECT
    series_id,
    time_bucket(INTERVAL '1 hour', measured_at) AS bucket_at,
    count(*) AS n_points,
    avg(value) AS mean,
    min(value) AS minimum,
    max(value) AS maximum,
    sum(value) AS total,
    last(value, measured_at) AS latest
FROM measurement
GROUP BY series_id, bucket_at;
CREATE VIEW measurement_daily AS
SELECT
    series_id,
    time_bucket(INTERVAL '1 day', measured_at) AS bucket_at,
    count(*) AS n_points,
    avg(value) AS mean,
    min(value) AS minimum,
    max(value) AS maximum,
    sum(value) AS total,
    last(value, measured_at) AS latest
FROM measurement
GROUP BY series_id, bucket_at;

-- name: roles
-- Two group roles without login: one may load, the other may read what was loaded.
-- Needs: CREATEROLE for the roles to be made; without it the step goes on, and whoever owns the database is the loader.
-- Safe on a live database: yes. Roles belong to the whole server, hence another database may be making them now.
-- The reader sees no landing zone index, no quarantine and no budget: they hold what a provider sent, unread.
DO $$
DECLARE
    role_name text;
BEGIN
    FOREACH role_name IN ARRAY ARRAY['joulehouse_loader', 'joulehouse_reader'] LOOP
        IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = role_name) THEN
            BEGIN
                EXECUTE format('CREATE ROLE %I NOLOGIN', role_name);
            EXCEPTION WHEN duplicate_object OR unique_violation OR insufficient_privilege THEN
                NULL;
            END;
        END IF;
    END LOOP;
    IF (SELECT count(*) FROM pg_roles WHERE rolname IN ('joulehouse_loader', 'joulehouse_reader')) < 2 THEN
        RETURN;
    END IF;
    GRANT USAGE ON SCHEMA public TO joulehouse_loader, joulehouse_reader;
    EXECUTE format('GRANT TEMPORARY ON DATABASE %I TO joulehouse_loader', current_database());
    GRANT SELECT ON series, measurement, state, measurement_revision, load, measurement_hourly, measurement_daily
    TO joulehouse_loader, joulehouse_reader;
    GRANT SELECT ON alembic_version TO joulehouse_loader, joulehouse_reader;
    GRANT INSERT, UPDATE, DELETE ON measurement, state TO joulehouse_loader;
    GRANT INSERT, UPDATE ON series TO joulehouse_loader;
    GRANT INSERT ON measurement_revision, load TO joulehouse_loader;
    GRANT SELECT, INSERT, UPDATE ON rejected, budget, pull TO joulehouse_loader;
    GRANT SELECT, INSERT, UPDATE, DELETE ON payload, checkpoint TO joulehouse_loader;
    GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO joulehouse_loader;
END
$$;
