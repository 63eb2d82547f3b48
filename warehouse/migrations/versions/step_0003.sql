-- What step 0003 runs. Frozen: a change of the schema is a new step.

-- name: export_job_roles
-- What the two roles may do with the ledger of export jobs. Safe on a live database: yes.
DO $$
BEGIN
    IF (SELECT count(*) FROM pg_roles WHERE rolname IN ('joulehouse_loader', 'joulehouse_reader')) < 2 THEN
        RETURN;
    END IF;
    GRANT SELECT ON export_job TO joulehouse_loader, joulehouse_reader;
    GRANT INSERT, UPDATE ON export_job TO joulehouse_loader;
    GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO joulehouse_loader;
END
$$;
