-- A span of one day in which a stream may have missed something. Where it touches an open one of the same part and
-- reason that was not tried yet, that one grows, up to a longest span: what repeats all day makes few rows.
WITH grown AS (
    UPDATE live_gap
    SET
        gap_start = least(gap_start, %(start)s),
        gap_end = greatest(gap_end, %(end)s)
    WHERE gap_id = (
        SELECT known.gap_id
        FROM live_gap AS known
        WHERE
            known.source = %(source)s
            AND known.part = %(part)s
            AND known.reason = %(reason)s
            AND known.filled_at IS NULL
            AND known.n_failed = 0
            AND known.gap_start >= %(day_start)s
            AND known.gap_end <= %(day_end)s
            AND known.gap_start <= %(end)s
            AND known.gap_end >= %(start)s
            AND greatest(known.gap_end, %(end)s) - least(known.gap_start, %(start)s) <= %(longest)s
        ORDER BY known.gap_start DESC
        LIMIT 1
    )
    RETURNING gap_id
)

INSERT INTO live_gap (source, part, gap_start, gap_end, reason)
SELECT
    %(source)s,
    %(part)s,
    %(start)s,
    %(end)s,
    %(reason)s
WHERE NOT EXISTS (SELECT 1 FROM grown);
