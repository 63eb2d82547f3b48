-- What step 0027 runs. Frozen: a change of the schema is a new step.

-- name: grants
-- Runs claim and renew their leases, and whoever judges them gives them up; readers may look.
-- Needs: the two roles; without them the step goes on. Safe on a live database: yes.
DO $$
BEGIN
    IF (SELECT count(*) FROM pg_roles WHERE rolname IN ('joulehouse_loader', 'joulehouse_reader')) < 2 THEN
        RETURN;
    END IF;
    GRANT SELECT ON run_lease TO joulehouse_loader, joulehouse_reader;
    GRANT INSERT, UPDATE, DELETE ON run_lease TO joulehouse_loader;
END
$$;
