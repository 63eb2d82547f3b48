-- Whoever intended the job is gone, and the order was not sent: now it never is, however late somebody comes to send it.
UPDATE export_job SET
    state = 'refused',
    sentence = 'never sent: the run that intended it was gone',
    seen_at = clock_timestamp()
WHERE export_job_id = %(number)s AND state = 'intended'
RETURNING export_job_id;
