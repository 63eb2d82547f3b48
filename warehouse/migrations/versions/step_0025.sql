-- What step 0025 runs. Frozen: a change of the schema is a new step.

-- name: measurement_changes
-- The view of step 0024 within a span of time: a filter on its days reaches no chunk, and all of the points would be read
-- for one day's changes (measured: 0.4 s of a year of 20 series, and it grows with the points). Called with two instants it is
-- planned with them. Without an index of times, what was revised is read whole.
-- Needs: the view of step 0024, with the same columns. Safe on a live database: yes.
CREATE FUNCTION measurement_changes(since timestamptz, until timestamptz)
RETURNS SETOF measurement_change LANGUAGE sql STABLE PARALLEL SAFE AS $$
WITH revised AS (
    SELECT DISTINCT ON (series_id, measured_at)
        series_id,
        measured_at,
        value,
        text_value,
        max(revised_at) OVER (PARTITION BY series_id, measured_at) AS revised_at
    FROM public.measurement_revision
    WHERE measured_at >= since AND measured_at < until
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
    -- Bounds of their own: a join hands none on, and every chunk would be read.
    LEFT JOIN public.measurement
        ON measurement.series_id = revised.series_id AND measurement.measured_at = revised.measured_at
        AND measurement.measured_at >= since AND measurement.measured_at < until
    LEFT JOIN public.state
        ON state.series_id = revised.series_id AND state.measured_at = revised.measured_at
        AND state.measured_at >= since AND state.measured_at < until
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
INNER JOIN public.series USING (series_id)
LEFT JOIN public.summary_daily AS total
    ON total.series_id = summed.series_id AND total.bucket_at = summed.day::timestamp AT TIME ZONE 'UTC'
    AND total.bucket_at >= date_trunc('day', since, 'UTC') AND total.bucket_at < until
CROSS JOIN LATERAL (
    SELECT
        CASE
            WHEN series.kind = 'interval' THEN coalesce(total.total, 0) - summed.difference
            ELSE summed.mean_before
        END AS before,
        CASE WHEN series.kind = 'interval' THEN coalesce(total.total, 0) ELSE summed.mean_after END AS after
) AS figures
$$;
COMMENT ON FUNCTION measurement_changes IS 'What later loads changed of points from one instant to another; see measurement_change.';
