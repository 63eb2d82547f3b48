-- What step 0008 runs. Frozen: a change of the schema is a new step.

-- name: interval_energy
-- interval_energy: an interval ends where its own calendar says, whoever looks.
-- Needs: the view of step 0004. Safe on a live database: yes; the view is replaced, and readers keep their rights.
--
-- A day, month or year is one of the series' own zone: 23 or 25 hours twice a year, 28 to 31 days, 365 or 366. Added to
-- a timestamptz, `1 day` would be one of the session's zone. Hours and quarters are time that elapses.
CREATE OR REPLACE VIEW interval_energy AS
WITH spanned AS (
    SELECT
        series_id,
        unit,
        time_zone,
        coalesce(
            resolution,
            CASE labels ->> 'span' WHEN 'month' THEN interval '1 month' WHEN 'year' THEN interval '1 year' END
        ) AS span
    FROM series
    WHERE kind = 'interval'
)
SELECT
    series_id,
    measured_at,
    CASE
        WHEN span >= interval '1 day' THEN ((measured_at AT TIME ZONE time_zone) + span) AT TIME ZONE time_zone
        ELSE measured_at + span
    END AS ended_at,
    value AS amount,
    unit,
    CASE WHEN value < 0 THEN 'negative' ELSE 'measured' END AS flag
FROM measurement
INNER JOIN spanned USING (series_id);

-- Series that were described before their providers said so.
UPDATE series
SET labels = labels || jsonb_build_object(
    'span', CASE coalesce(labels ->> 'timespan', labels ->> 'sampling_frequency')
        WHEN 'month' THEN 'month' WHEN 'M' THEN 'month' ELSE 'year'
    END
)
WHERE
    resolution IS NULL
    AND NOT labels ? 'span'
    AND (labels ->> 'timespan' IN ('month', 'year') OR labels ->> 'sampling_frequency' IN ('M', 'Y'));
