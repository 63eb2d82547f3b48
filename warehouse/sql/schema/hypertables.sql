-- Makes the two tables of points hypertables of seven-day chunks.
-- Needs: the timescaledb extension. Safe on a live database: only on empty tables.
-- No index on time alone: the key serves every question of one series, and a second index costs a third of a load.
SELECT create_hypertable('measurement', by_range('measured_at', INTERVAL '7 days'), create_default_indexes => false);
SELECT create_hypertable('state', by_range('measured_at', INTERVAL '7 days'), create_default_indexes => false);
