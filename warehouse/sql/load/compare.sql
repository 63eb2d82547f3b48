-- Every point on which the table and the payloads disagree: old without new has vanished, new without old is new.
-- Literal times and series: other chunks are never opened, other sources never read. Values are never null, hence
-- IS DISTINCT FROM is true also where one side has no row.
CREATE TEMPORARY TABLE {difference} ON COMMIT DROP AS
SELECT
    series_id,
    measured_at,
    held.value AS old,
    staged.value AS new
FROM {staged} AS staged
FULL JOIN (
    SELECT
        series_id,
        measured_at,
        value
    FROM {points}
    WHERE series_id = ANY({series_ids}::integer []) AND measured_at >= {start} AND measured_at < {end}
) AS held USING (series_id, measured_at)
WHERE held.value IS DISTINCT FROM staged.value;
