-- register_energy: what registers have counted, read from where the loads have written it.
-- Needs: the intervals of every register (`warehouse fill`). Safe on a live database: yes; the view is replaced, and
-- readers keep their rights.
CREATE OR REPLACE VIEW register_energy AS
SELECT
    register_interval.series_id,
    register_interval.measured_at,
    register_interval.ended_at,
    register_interval.amount,
    series.unit,
    register_interval.flag
FROM register_interval
INNER JOIN series USING (series_id);
COMMENT ON VIEW register_energy IS 'What registers have counted between two readings, and why one does not follow.';
