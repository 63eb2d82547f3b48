-- Limits of one load. Needs: an open transaction.
-- 100,000 tuples is TimescaleDB's own limit for decompression in one statement: one busy day holds more.
-- 128 MB lets the comparison of 2 million rows with what the table holds stay in memory.
SELECT
    set_config('timescaledb.max_tuples_decompressed_per_dml_transaction', '0', true),
    set_config('work_mem', '128MB', true);
