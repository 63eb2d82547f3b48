-- Series as the provider describes them now: new ones added, changed ones rewritten, the rest untouched.
-- Sorted, so that racing discoveries lock in the same order.
-- Needs: `remeasured` said that no series with points gets another quantity or unit.
INSERT INTO series AS known (
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
ON CONFLICT (source, key) DO UPDATE SET
    quantity = excluded.quantity,
    unit = excluded.unit,
    kind = excluded.kind,
    device = excluded.device,
    site = excluded.site,
    provider_unit = excluded.provider_unit,
    resolution = excluded.resolution,
    time_zone = excluded.time_zone,
    labels = excluded.labels,
    updated_at = clock_timestamp()
WHERE
    (known.quantity, known.unit, known.kind, known.device, known.site, known.provider_unit, known.time_zone)
    IS DISTINCT FROM
    (
        excluded.quantity, excluded.unit, excluded.kind, excluded.device, excluded.site, excluded.provider_unit,
        excluded.time_zone
    )
    OR known.resolution IS DISTINCT FROM excluded.resolution
    OR known.labels IS DISTINCT FROM excluded.labels;
