-- Days of the series' own zone, added up from the parts that each UTC partition wrote.
-- Needs: every part is there (`joulehouse warehouse migrate` fills them). Safe on a live database: yes; it is new.
CREATE OR REPLACE VIEW measurement_local_daily AS
SELECT
    series_id,
    local_date,
    bucket_at,
    sum(n_points)::bigint AS n_points,
    sum(total ORDER BY partition_at) / sum(n_points) AS mean,
    min(minimum) AS minimum,
    max(maximum) AS maximum,
    sum(total ORDER BY partition_at) AS total,
    last(latest, partition_at) AS latest
FROM summary_local_day
GROUP BY series_id, local_date, bucket_at;
COMMENT ON VIEW measurement_local_daily IS
'Days of the series'' own zone: 23 to 25 hours. bucket_at is the instant at which local_date begins.';

DO $$
BEGIN
    IF (SELECT count(*) FROM pg_roles WHERE rolname IN ('joulehouse_loader', 'joulehouse_reader')) < 2 THEN
        RETURN;
    END IF;
    GRANT SELECT ON measurement_local_daily TO joulehouse_loader, joulehouse_reader;
END
$$;
