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
