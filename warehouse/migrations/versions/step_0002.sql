-- What step 0002 runs. Frozen: a change of the schema is a new step.

-- name: live_roles
-- What the two roles may do with the tables of live streams. Safe on a live database: yes.
DO $$
BEGIN
    IF (SELECT count(*) FROM pg_roles WHERE rolname IN ('joulehouse_loader', 'joulehouse_reader')) < 2 THEN
        RETURN;
    END IF;
    GRANT SELECT ON live_gap, live_cover, live_point TO joulehouse_loader, joulehouse_reader;
    GRANT INSERT, UPDATE ON live_gap, live_cover TO joulehouse_loader;
    GRANT INSERT, DELETE ON live_point TO joulehouse_loader;
    GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO joulehouse_loader;
END
$$;
