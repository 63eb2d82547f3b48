-- Limits of one load. Needs: an open transaction.
-- 100,000 tuples is TimescaleDB's own limit for decompression in one statement: one busy day holds more.
SELECT set_config('timescaledb.max_tuples_decompressed_per_dml_transaction', '0', true);
