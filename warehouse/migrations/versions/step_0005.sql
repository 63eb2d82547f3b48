-- What step 0005 runs. Frozen: a change of the schema is a new step.

-- name: loader_sessions
-- Who brings the schema up to date may take on the role of a loader, and does so in every session that loads.
-- Needs: ADMIN on the role, which its creator has; without it the step goes on, and sessions load as their own user.
-- Safe on a live database: yes. Since PostgreSQL 16 a creator has no right to SET a role until it is given one.
DO $$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'joulehouse_loader') THEN
        RETURN;
    END IF;
    IF current_setting('server_version_num')::int < 160000 THEN
        GRANT joulehouse_loader TO CURRENT_USER;
    ELSIF NOT pg_has_role('joulehouse_loader', 'SET') THEN
        EXECUTE 'GRANT joulehouse_loader TO CURRENT_USER WITH SET TRUE, INHERIT FALSE';
    END IF;
EXCEPTION WHEN insufficient_privilege OR internal_error THEN
    NULL; -- internal_error: another database of the server is at the same grant.
END
$$;
