-- Rejected rows, one per text, reason, payload and series. Seen again by a later load: counted anew, first seen stays.
-- Needs: `lock_rejected`, or two that meet could lock the rows in different orders.
INSERT INTO rejected AS known (
    source, window_start, window_end, reason, payload_sha256, raw_sha256, raw, series_key, n_rows, first_load_id,
    last_load_id
)
SELECT
    %(source)s,
    %(start)s,
    %(end)s,
    reason,
    payload_sha256,
    raw_sha256,
    raw,
    series_key,
    n_rows,
    %(load_id)s,
    %(load_id)s
FROM unnest(
    %(reasons)s::text [],
    %(payloads)s::text [],
    %(raw_sha256s)s::text [],
    %(raws)s::text [],
    %(series)s::text [],
    %(counts)s::bigint []
) AS found (reason, payload_sha256, raw_sha256, raw, series_key, n_rows)
ON CONFLICT (source, window_start, window_end, reason, payload_sha256, raw_sha256, series_key) DO UPDATE SET
    n_rows = excluded.n_rows,
    last_seen_at = clock_timestamp(),
    last_load_id = excluded.last_load_id;
