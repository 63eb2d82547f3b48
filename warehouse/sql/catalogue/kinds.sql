-- What the series of a source are. A register that was described and never read is left out: nothing has shown yet that
-- it is one. `register_interval` would not do: a first reading has none.
SELECT
    known.key,
    known.kind
FROM series AS known
WHERE
    known.source = %(source)s
    AND (
        known.kind <> 'register'
        OR EXISTS(SELECT FROM measurement WHERE measurement.series_id = known.series_id)
    )
ORDER BY known.key;
