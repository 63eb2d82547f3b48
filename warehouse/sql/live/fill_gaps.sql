-- Gaps whose every instant has been loaded from an export. One that has grown since it was read stays open.
UPDATE live_gap
SET
    filled_at = clock_timestamp(),
    next_try_at = NULL,
    load_id = %(load_id)s
FROM unnest(%(gap_ids)s::bigint [], %(starts)s::timestamptz [], %(ends)s::timestamptz [])
    AS said (gap_id, gap_start, gap_end)
WHERE
    live_gap.gap_id = said.gap_id
    AND live_gap.gap_start >= said.gap_start
    AND live_gap.gap_end <= said.gap_end
    AND live_gap.filled_at IS NULL;
