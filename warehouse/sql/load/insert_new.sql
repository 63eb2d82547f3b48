-- Points that the table did not hold. A conflict is impossible under the lock, and an error if it happens.
INSERT INTO {points} (series_id, measured_at, value)
SELECT
    series_id,
    measured_at,
    new
FROM {difference}
WHERE old IS NULL
ORDER BY series_id, measured_at;
