-- Gaps that nothing has filled yet and that had ended by then, by time; those that rest at an instant are left out.
SELECT
    gap_id,
    part,
    gap_start,
    gap_end,
    reason,
    n_failed,
    failure
FROM live_gap
WHERE
    source = %(source)s
    AND filled_at IS NULL
    AND gap_end <= %(by)s
    AND (next_try_at IS NULL OR %(at)s::timestamptz IS NULL OR next_try_at <= %(at)s)
ORDER BY gap_start, gap_id;
