-- What was fetched of a job, and found to be whole. Nothing new was said: its values are as old as they were.
UPDATE export_job SET
    archive_sha256 = %(archive_sha256)s,
    archive_bytes = %(archive_bytes)s
WHERE export_job_id = %(number)s;
