-- Which of some registers have a reading. `register_interval` would not do: a first reading has none.
-- Every chunk is opened for a register without any, so this is not asked for each load.
SELECT asked.series_id
FROM unnest(%(series_ids)s::integer []) AS asked (series_id)
WHERE EXISTS(SELECT FROM measurement WHERE measurement.series_id = asked.series_id);
