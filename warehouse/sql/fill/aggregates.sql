-- Which of the summaries are continuous aggregates.
SELECT view_name::text
FROM timescaledb_information.continuous_aggregates
WHERE view_schema = 'public' AND view_name IN ('measurement_hourly', 'measurement_daily')
ORDER BY view_name;
