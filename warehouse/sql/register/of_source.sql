-- The registers of a source: what their readings are judged by.
SELECT
    series_id,
    quantity,
    provider_unit
FROM series
WHERE source = %(source)s AND kind = 'register' AND series_id = ANY(%(series_ids)s)
ORDER BY series_id;
