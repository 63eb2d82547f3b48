-- What was fetched of a job, and found to be whole.
UPDATE export_job SET
    archive_sha256 = %(archive_sha256)s,
    archive_bytes = %(archive_bytes)s,
    seen_at = clock_timestamp()
WHERE export_job_id = %(number)s;
