-- Rows that were rejected before anybody said their series get the name of the first series that has them now; the
-- others are added by `quarantine`. Not where this load rejects the row without a series, too: then it is another one.
WITH found AS (
    SELECT
        reason,
        payload_sha256,
        raw_sha256,
        min(series_key COLLATE "C") AS series_key
    FROM unnest(
        %(reasons)s::text [], %(payloads)s::text [], %(raw_sha256s)s::text [], %(series)s::text []
    ) AS said (reason, payload_sha256, raw_sha256, series_key)
    GROUP BY reason, payload_sha256, raw_sha256
)

UPDATE rejected AS known
SET series_key = found.series_key
FROM found
WHERE
    known.source = %(source)s
    AND known.window_start = %(start)s
    AND known.window_end = %(end)s
    AND known.series_key = ''
    AND found.series_key <> ''
    AND known.reason = found.reason
    AND known.payload_sha256 = found.payload_sha256
    AND known.raw_sha256 = found.raw_sha256
    AND NOT EXISTS (
        SELECT FROM rejected AS other
        WHERE
            other.source = known.source
            AND other.window_start = known.window_start
            AND other.window_end = known.window_end
            AND other.reason = known.reason
            AND other.payload_sha256 = known.payload_sha256
            AND other.raw_sha256 = known.raw_sha256
            AND other.series_key = found.series_key
    );
