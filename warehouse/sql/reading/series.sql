-- The catalogue of a source.
SELECT
    series_id,
    key,
    quantity,
    unit,
    kind,
    device,
    site,
    provider_unit,
    resolution,
    time_zone,
    labels,
    first_seen_at,
    updated_at
FROM series
WHERE source = %(source)s
ORDER BY key COLLATE "C";
