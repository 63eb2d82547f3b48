-- Gaps that could not be filled: why, and when they are tried again.
UPDATE live_gap
SET
    n_failed = n_failed + 1,
    failure = %(failure)s,
    next_try_at = %(until)s
WHERE gap_id = ANY(%(gap_ids)s) AND filled_at IS NULL;
