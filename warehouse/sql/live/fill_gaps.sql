-- Gaps whose every instant has been loaded from an export.
UPDATE live_gap
SET
    filled_at = clock_timestamp(),
    load_id = %(load_id)s
WHERE gap_id = ANY(%(gap_ids)s) AND filled_at IS NULL;
