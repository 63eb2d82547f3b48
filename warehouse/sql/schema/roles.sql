-- Two group roles without login: one may load, the other may read what was loaded.
-- Needs: CREATEROLE for the roles to be made; without it the step goes on, and whoever owns the database is the loader.
-- Safe on a live database: yes. Roles belong to the whole server, hence another database may be making them now.
-- The reader sees no landing zone index, no quarantine and no budget: they hold what a provider sent, unread.
DO $$
DECLARE
    role_name text;
BEGIN
    FOREACH role_name IN ARRAY ARRAY['joulehouse_loader', 'joulehouse_reader'] LOOP
        IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = role_name) THEN
            BEGIN
                EXECUTE format('CREATE ROLE %I NOLOGIN', role_name);
            EXCEPTION WHEN duplicate_object OR unique_violation OR insufficient_privilege THEN
                NULL;
            END;
        END IF;
    END LOOP;
    IF (SELECT count(*) FROM pg_roles WHERE rolname IN ('joulehouse_loader', 'joulehouse_reader')) < 2 THEN
        RETURN;
    END IF;
    GRANT USAGE ON SCHEMA public TO joulehouse_loader, joulehouse_reader;
    EXECUTE format('GRANT TEMPORARY ON DATABASE %I TO joulehouse_loader', current_database());
    GRANT SELECT ON series, measurement, state, measurement_revision, load, measurement_hourly, measurement_daily
    TO joulehouse_loader, joulehouse_reader;
    GRANT SELECT ON alembic_version TO joulehouse_loader, joulehouse_reader;
    GRANT INSERT, UPDATE, DELETE ON measurement, state TO joulehouse_loader;
    GRANT INSERT, UPDATE ON series TO joulehouse_loader;
    GRANT INSERT ON measurement_revision, load TO joulehouse_loader;
    GRANT SELECT, INSERT, UPDATE ON rejected, budget, pull TO joulehouse_loader;
    GRANT SELECT, INSERT, UPDATE, DELETE ON payload, checkpoint TO joulehouse_loader;
    GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO joulehouse_loader;
END
$$;
