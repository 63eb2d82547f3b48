-- The job has come to an end, or to its archive. One that was landed meanwhile stays so.
UPDATE export_job SET
    state = %(state)s,
    sentence = %(sentence)s,
    seen_at = clock_timestamp()
WHERE export_job_id = %(number)s AND state <> 'landed';
