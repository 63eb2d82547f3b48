-- What step 0023 runs. Frozen: a change of the schema is a new step.

-- name: grants
-- What the two roles may do with the tables of completeness.
-- Needs: the two roles; without them the step goes on. Safe on a live database: yes.
DO $$
BEGIN
    IF (SELECT count(*) FROM pg_roles WHERE rolname IN ('joulehouse_loader', 'joulehouse_reader')) < 2 THEN
        RETURN;
    END IF;
    GRANT SELECT ON unassessed_day, assessment, series_life, late_arrival TO joulehouse_loader, joulehouse_reader;
    GRANT INSERT, UPDATE, DELETE ON unassessed_day, assessment, series_life, late_arrival TO joulehouse_loader;
END
$$;

-- name: note_all
-- Every day that has facts is to be judged.
-- Needs: series_day. Safe on a live database: yes.
INSERT INTO unassessed_day (source, day, noted_at)
SELECT DISTINCT
    series.source,
    series_day.day,
    clock_timestamp()
FROM series_day
INNER JOIN series USING (series_id);
