-- What was there before, kept with the load that changes or removes it.
INSERT INTO measurement_revision (series_id, measured_at, {kept_as}, change, load_id)
SELECT
    series_id,
    measured_at,
    old,
    CASE WHEN new IS NULL THEN 'removed' ELSE 'changed' END,
    %(load_id)s
FROM {difference}
WHERE old IS NOT NULL;
