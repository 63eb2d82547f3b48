-- Series that a load meets for the first time; whoever adds them first wins. Sorted, so that racing loads lock in
-- the same order.
INSERT INTO series (
    source, key, quantity, unit, kind, device, site, provider_unit, resolution, time_zone, labels
)
SELECT
    %(source)s,
    found.*
FROM unnest(
    %(key)s::text [], %(quantity)s::text [], %(unit)s::text [], %(kind)s::text [], %(device)s::text [],
    %(site)s::text [], %(provider_unit)s::text [], %(resolution)s::interval [], %(time_zone)s::text [], %(labels)s::jsonb []
) AS found (key, quantity, unit, kind, device, site, provider_unit, resolution, time_zone, labels)
ORDER BY found.key
ON CONFLICT (source, key) DO NOTHING;
