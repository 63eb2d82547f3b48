-- The provider is still at it.
UPDATE export_job SET
    provider_state = %(provider_state)s,
    n_polls = n_polls + 1,
    seen_at = clock_timestamp()
WHERE export_job_id = %(number)s;
