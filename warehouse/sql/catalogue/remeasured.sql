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
