-- What step 0022 runs. Frozen: a change of the schema is a new step.

-- name: grants
-- Loaders, the daemon and the watch claim what is to be told, and say that they are at work; readers may look.
-- Needs: the two roles; without them the step goes on. Safe on a live database: yes.
DO $$
BEGIN
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'joulehouse_loader') THEN
        GRANT SELECT, INSERT, UPDATE ON notification, heartbeat TO joulehouse_loader;
    END IF;
END
$$;
