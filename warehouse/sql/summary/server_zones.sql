-- Zones of the catalogue, and whether the server knows each.
SELECT DISTINCT
    series.time_zone,
    EXISTS(SELECT FROM pg_timezone_names WHERE pg_timezone_names.name = series.time_zone) AS is_known
FROM series
ORDER BY series.time_zone;
