-- What step 0016 runs. Frozen: a change of the schema is a new step.

-- name: refuse_other_releases
-- A process that was started before the schema moved on goes on as its release did: it would write points without what is
-- derived from them. The database refuses it, at the ledger of its load, at the points of its stream, at the catalogue.
-- Only sessions of ours (`application_name`): a restored dump and a person are not asked. `warehouse/sessions.py` says the
-- step; a migration calls itself something else.
-- Needs: alembic_version. Safe on a live database: yes; loads that are under way when it is committed are refused.
CREATE FUNCTION refuse_other_releases() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    said text := nullif(current_setting('joulehouse.schema_step', true), '');
    found text := (SELECT version_num FROM public.alembic_version);
BEGIN
    IF current_setting('application_name') = 'joulehouse' AND said IS DISTINCT FROM found THEN
        RAISE EXCEPTION
            'the schema is at step % by now, and this process writes as of %: end it, and start it with the release that has migrated',
            found, coalesce('step ' || said, 'an earlier step')
            USING ERRCODE = '0AJ01';
    END IF;
    RETURN NULL;
END
$$;
CREATE TRIGGER refuse_other_releases BEFORE INSERT ON load
FOR EACH STATEMENT EXECUTE FUNCTION refuse_other_releases();
CREATE TRIGGER refuse_other_releases BEFORE INSERT ON series
FOR EACH STATEMENT EXECUTE FUNCTION refuse_other_releases();
CREATE TRIGGER refuse_other_releases BEFORE INSERT ON live_point
FOR EACH STATEMENT EXECUTE FUNCTION refuse_other_releases();
CREATE TRIGGER refuse_other_releases BEFORE INSERT ON live_cover
FOR EACH STATEMENT EXECUTE FUNCTION refuse_other_releases();
