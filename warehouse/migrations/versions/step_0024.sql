-- What step 0024 runs. Frozen: a change of the schema is a new step.

-- name: measurement_change
-- What later loads changed or removed of a series on a UTC day, from what was loaded first to what is there now; a value
-- that came back to what it was has not changed. Of an interval's kind `before` and `after` are totals of the whole day, of
-- another kind means of the points that changed; of texts there are counts alone. Points that were never there before are
-- no change: where some came later, `before` counts them as if they had been there.
-- Needs: tables of step 0001 and 0013. Safe on a live database: yes.
CREATE VIEW measurement_change AS
WITH revised AS (
    SELECT DISTINCT ON (series_id, measured_at)
        series_id,
        measured_at,
        value,
        text_value,
        max(revised_at) OVER (PARTITION BY series_id, measured_at) AS revised_at
    FROM measurement_revision
    ORDER BY series_id, measured_at, revision_id
),
compared AS (
    SELECT
        revised.series_id,
        (revised.measured_at AT TIME ZONE 'UTC')::date AS day,
        revised.value AS was,
        measurement.value AS becomes,
        num_nonnulls(measurement.value, state.value) = 0 AS is_removed,
        revised.revised_at
    FROM revised
    LEFT JOIN measurement USING (series_id, measured_at)
    LEFT JOIN state USING (series_id, measured_at)
    WHERE measurement.value IS DISTINCT FROM revised.value OR state.value IS DISTINCT FROM revised.text_value
),
summed AS (
    SELECT
        series_id,
        day,
        count(*) FILTER (WHERE NOT is_removed) AS n_changed,
        count(*) FILTER (WHERE is_removed) AS n_removed,
        sum(coalesce(becomes, 0) - was) AS difference,
        avg(was) FILTER (WHERE becomes IS NOT NULL) AS mean_before,
        avg(becomes) FILTER (WHERE was IS NOT NULL) AS mean_after,
        max(revised_at) AS revised_at
    FROM compared
    GROUP BY series_id, day
)
SELECT
    series.source,
    series.series_id,
    series.key,
    series.device,
    series.site,
    series.quantity,
    series.unit,
    series.kind,
    summed.day,
    summed.n_changed,
    summed.n_removed,
    figures.before,
    figures.after,
    figures.after - figures.before AS difference,
    100 * (figures.after - figures.before) / nullif(abs(figures.before), 0) AS percent,
    summed.revised_at
FROM summed
INNER JOIN series USING (series_id)
LEFT JOIN summary_daily AS total
    ON total.series_id = summed.series_id AND total.bucket_at = summed.day::timestamp AT TIME ZONE 'UTC'
CROSS JOIN LATERAL (
    SELECT
        CASE
            WHEN series.kind = 'interval' THEN coalesce(total.total, 0) - summed.difference
            ELSE summed.mean_before
        END AS before,
        CASE WHEN series.kind = 'interval' THEN coalesce(total.total, 0) ELSE summed.mean_after END AS after
) AS figures;
COMMENT ON VIEW measurement_change IS 'What later loads changed of a series on a UTC day, in its unit and in per cent.';

-- name: grants
-- Readers and loaders may look.
-- Needs: the two roles; without them the step goes on. Safe on a live database: yes.
DO $$
BEGIN
    IF (SELECT count(*) FROM pg_roles WHERE rolname IN ('joulehouse_loader', 'joulehouse_reader')) < 2 THEN
        RETURN;
    END IF;
    GRANT SELECT ON measurement_change TO joulehouse_loader, joulehouse_reader;
END
$$;
