-- The provider has taken the job, and this is its name there.
UPDATE export_job SET
    state = 'pending',
    provider_job = %(provider_job)s,
    provider_state = %(provider_state)s,
    seen_at = clock_timestamp()
WHERE export_job_id = %(number)s;
