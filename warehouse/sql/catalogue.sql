-- series: the catalogue of each source. Run by warehouse/catalogue.py and whoever needs a series' number.

-- name: lock_describing
-- One description of a source's series at a time, until the transaction ends. The first lock of those who describe: no
-- load takes it.
SELECT pg_advisory_xact_lock(hashtextextended('joulehouse describe ' || %(source)s, 0));

-- name: lock
-- Waits for every load of the source that is under way, and keeps others from beginning until the transaction ends.
SELECT pg_advisory_xact_lock(hashtextextended('joulehouse catalogue ' || %(source)s, 0));

-- name: known
-- The numbers and quantities of the series with these keys.
SELECT
    key,
    series_id,
    quantity
FROM series
WHERE source = %(source)s AND key = ANY(%(keys)s);

-- name: kinds
-- What the series of a source are.
SELECT
    series_id,
    key,
    kind
FROM series
WHERE source = %(source)s
ORDER BY key;

-- name: quantities
-- What the series of a source measure.
SELECT DISTINCT quantity
FROM series
WHERE source = %(source)s
ORDER BY quantity;

-- name: all_ids
-- Every series of a source: what a load of that source may touch.
SELECT
    series_id,
    quantity,
    time_zone
FROM series
WHERE source = %(source)s
ORDER BY series_id;

-- name: of_sites
-- The series of some sites of a source.
SELECT
    series_id,
    site
FROM series
WHERE source = %(source)s AND site = ANY(%(sites)s)
ORDER BY series_id;

-- name: with_readings
-- Which of some registers have a reading. `register_interval` would not do: a first reading has none.
-- Every chunk is opened for a register without any, so this is not asked for each load.
SELECT asked.series_id
FROM unnest(%(series_ids)s::integer []) AS asked (series_id)
WHERE EXISTS(SELECT FROM measurement WHERE measurement.series_id = asked.series_id);

-- name: add
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

-- name: remeasured
-- Series whose quantity or unit would be rewritten, and whether they have points.
-- The tables of points are opened for these series only: their key begins with the series.
SELECT
    known.key,
    known.quantity || ' in ' || known.unit AS had,
    found.quantity || ' in ' || found.unit AS has,
    EXISTS(SELECT FROM measurement WHERE measurement.series_id = known.series_id)
    OR EXISTS(SELECT FROM state WHERE state.series_id = known.series_id) AS has_points
FROM unnest(%(key)s::text [], %(quantity)s::text [], %(unit)s::text []) AS found (key, quantity, unit)
INNER JOIN series AS known ON found.key = known.key
WHERE
    known.source = %(source)s
    AND (known.quantity, known.unit) IS DISTINCT FROM (found.quantity, found.unit)
ORDER BY known.key;

-- name: rezoned
-- Series whose time zone would be rewritten, with the first and the last instant of their numbers.
SELECT
    known.series_id,
    min(found_at.first) AS first_at,
    max(found_at.last) AS last_at
FROM unnest(%(key)s::text [], %(time_zone)s::text []) AS found (key, time_zone)
INNER JOIN series AS known ON found.key = known.key
CROSS JOIN LATERAL (
    SELECT
        min(measurement.measured_at) AS first,
        max(measurement.measured_at) AS last
    FROM measurement
    WHERE measurement.series_id = known.series_id
) AS found_at
WHERE
    known.source = %(source)s
    AND known.time_zone <> found.time_zone
GROUP BY known.series_id
ORDER BY known.series_id;

-- name: describe
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
