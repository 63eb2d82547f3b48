-- What step 0019 runs. Frozen: a change of the schema is a new step.

-- name: grants
-- Loaders note and read when a provider may be asked again; readers have no use for it, as for the budget.
-- Needs: the two roles; without them the step goes on. Safe on a live database: yes.
DO $$
BEGIN
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'joulehouse_loader') THEN
        GRANT SELECT, INSERT, UPDATE ON retry_after TO joulehouse_loader;
    END IF;
END
$$;
