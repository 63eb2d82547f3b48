-- Registers that are to be described in another unit of the provider: rollovers are judged in it.
SELECT known.series_id
FROM unnest(%(key)s::text [], %(provider_unit)s::text []) AS found (key, provider_unit)
INNER JOIN series AS known ON found.key = known.key
WHERE known.source = %(source)s AND known.kind = 'register' AND known.provider_unit <> found.provider_unit
ORDER BY known.series_id;
