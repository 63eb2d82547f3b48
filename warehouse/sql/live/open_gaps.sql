-- Gaps that nothing has filled yet and that had ended by then, by time.
SELECT
    gap_id,
    part,
    gap_start,
    gap_end,
    reason
FROM live_gap
WHERE source = %(source)s AND filled_at IS NULL AND gap_end <= %(by)s
ORDER BY gap_start, gap_id;
