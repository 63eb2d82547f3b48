-- What step 0021 runs. Frozen: a change of the schema is a new step.

-- name: grants
-- Loaders judge days; readers may see which ones are suspect.
-- Needs: the two roles; without them the step goes on. Safe on a live database: yes.
DO $$
BEGIN
    IF (SELECT count(*) FROM pg_roles WHERE rolname IN ('joulehouse_loader', 'joulehouse_reader')) < 2 THEN
        RETURN;
    END IF;
    GRANT SELECT ON judged_day TO joulehouse_loader, joulehouse_reader;
    GRANT INSERT, UPDATE, DELETE ON judged_day TO joulehouse_loader;
END
$$;
