-- register_energy_local_daily: what registers have counted by days of their own zone. An interval is booked to the day in
-- which it ends; one that ends at midnight belongs to the day before.
-- Needs: the view register_energy. Safe on a live database: yes; it is new.
CREATE OR REPLACE VIEW register_energy_local_daily AS
SELECT
    register_energy.series_id,
    ((register_energy.ended_at - INTERVAL '1 microsecond') AT TIME ZONE series.time_zone)::date AS local_date,
    count(*) AS n_intervals,
    sum(register_energy.amount) AS amount,
    register_energy.unit,
    count(*) FILTER (WHERE register_energy.flag <> 'measured') AS n_flagged
FROM register_energy
INNER JOIN series USING (series_id)
GROUP BY register_energy.series_id, local_date, register_energy.unit;
COMMENT ON VIEW register_energy_local_daily IS 'What registers have counted by days of their own zone, booked by ended_at.';
DO $$
BEGIN
    IF (SELECT count(*) FROM pg_roles WHERE rolname IN ('joulehouse_loader', 'joulehouse_reader')) < 2 THEN
        RETURN;
    END IF;
    GRANT SELECT ON register_energy_local_daily TO joulehouse_loader, joulehouse_reader;
END
$$;
