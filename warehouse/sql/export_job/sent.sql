-- The order is sent next, unless its intention has ended: of this and `withdrawn`, one finds the row and the other does not.
UPDATE export_job SET
    state = 'sent',
    ordered_at = clock_timestamp(),
    seen_at = clock_timestamp()
WHERE export_job_id = %(number)s AND state = 'intended'
RETURNING export_job_id;
