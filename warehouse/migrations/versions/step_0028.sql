-- What step 0028 runs. Frozen: a change of the schema is a new step.

-- name: refuse_lost_runs
-- A run that was given up is another run by now. Its process may live on (a host that paused, a network that was cut):
-- then it commits no load, finishes no pull and orders no job any more. A session says which run it works for
-- (`warehouse/sessions.py`); of commands and people it says none. Whoever gives a run up meanwhile waits for the commit.
-- Needs: run_lease, load, pull, export_job. Safe on a live database: yes.
CREATE FUNCTION refuse_lost_runs() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    said text := coalesce(current_setting('joulehouse.run_id', true), '');
    given_up timestamptz;
BEGIN
    IF said <> '' THEN
        SELECT lost_at INTO given_up FROM public.run_lease WHERE run_id = said FOR SHARE;
        IF given_up IS NOT NULL THEN
            RAISE EXCEPTION 'the run % was given up at %, since its process said nothing any more', said, given_up
                USING ERRCODE = '0AJ02';
        END IF;
    END IF;
    RETURN NULL;
END
$$;
CREATE TRIGGER refuse_lost_runs BEFORE INSERT ON load
FOR EACH STATEMENT EXECUTE FUNCTION refuse_lost_runs();
CREATE TRIGGER refuse_lost_runs BEFORE UPDATE OF finished_at ON pull
FOR EACH STATEMENT EXECUTE FUNCTION refuse_lost_runs();
CREATE TRIGGER refuse_lost_runs BEFORE INSERT ON export_job
FOR EACH STATEMENT EXECUTE FUNCTION refuse_lost_runs();
