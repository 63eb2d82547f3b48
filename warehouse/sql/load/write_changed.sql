-- Points that now say something else: the payloads win. ON CONFLICT and not UPDATE … FROM, because in a compressed
-- chunk it decompresses the few segments that hold these keys instead of all of them.
INSERT INTO {points} (series_id, measured_at, value)
SELECT
    series_id,
    measured_at,
    value
FROM {staged}
ON CONFLICT (series_id, measured_at) DO UPDATE SET value = excluded.value;
