-- What step 0029 runs. Frozen: a change of the schema is a new step.

-- name: grants
-- What the two roles may do with the landing zone's row.
-- Needs: the two roles; without them the step goes on. Safe on a live database: yes.
DO $$
BEGIN
    IF (SELECT count(*) FROM pg_roles WHERE rolname IN ('joulehouse_loader', 'joulehouse_reader')) < 2 THEN
        RETURN;
    END IF;
    GRANT SELECT ON landing_zone TO joulehouse_loader, joulehouse_reader;
    GRANT INSERT, UPDATE ON landing_zone TO joulehouse_loader;
END
$$;
