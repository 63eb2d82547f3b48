-- What step 0026 runs. Frozen: a change of the schema is a new step.

-- name: grants
-- What the two roles may do with the tables of plausibility.
-- Needs: the two roles; without them the step goes on. Safe on a live database: yes.
DO $$
BEGIN
    IF (SELECT count(*) FROM pg_roles WHERE rolname IN ('joulehouse_loader', 'joulehouse_reader')) < 2 THEN
        RETURN;
    END IF;
    GRANT SELECT ON series_flag, unflagged_day TO joulehouse_loader, joulehouse_reader;
    GRANT INSERT, UPDATE, DELETE ON series_flag, unflagged_day TO joulehouse_loader;
END
$$;

-- name: note_newest
-- The days of the last four weeks are to be judged; older ones are news to nobody, and cost a read of every point.
-- Needs: series_day. Safe on a live database: yes.
INSERT INTO unflagged_day (source, day, noted_at)
SELECT DISTINCT
    series.source,
    series_day.day,
    clock_timestamp()
FROM series_day
INNER JOIN series USING (series_id)
WHERE series_day.day > current_date - 28;
