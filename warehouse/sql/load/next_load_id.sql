-- The number of this load, needed by its revisions before its ledger row is written.
SELECT nextval(pg_get_serial_sequence('public.load', 'load_id'));
