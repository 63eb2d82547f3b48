-- What step 0011 runs. Frozen: a change of the schema is a new step.

-- name: calendar_end
-- interval_energy: one series whose zone the server does not know costs no other its answer.
-- Needs: the view of step 0008. Safe on a live database: yes; the view is replaced, and readers keep their rights.
--
-- What the catalogue holds are names of the locked tzdata (domain/zones.py); the server has a database of its own, which
-- may be older, or lack the links. An unknown name is an error in the middle of a query, and there is no way to ask first
-- that does not read every zone there is: hence a function that catches it, at 1 µs for a day or month that is read.
CREATE OR REPLACE FUNCTION calendar_end(began timestamptz, span interval, zone text) RETURNS timestamptz
LANGUAGE plpgsql STABLE STRICT AS $$
BEGIN
    RETURN ((began AT TIME ZONE zone) + span) AT TIME ZONE zone;
EXCEPTION WHEN invalid_parameter_value THEN
    RETURN NULL;
END
$$;

COMMENT ON FUNCTION calendar_end IS 'Where a span ends by the calendar of a zone; NULL where the server has no such zone.';

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
),

ended AS (
    SELECT
        series_id,
        measured_at,
        CASE
            WHEN span >= interval '1 day' THEN calendar_end(measured_at, span, time_zone)
            ELSE measured_at + span
        END AS ended_at,
        value,
        unit,
        span
    FROM measurement
    INNER JOIN spanned USING (series_id)
)

SELECT
    series_id,
    measured_at,
    coalesce(ended_at, ((measured_at AT TIME ZONE 'UTC') + span) AT TIME ZONE 'UTC') AS ended_at,
    value AS amount,
    unit,
    CASE
        WHEN value < 0 THEN 'negative'
        WHEN ended_at IS NULL AND span IS NOT NULL THEN 'unknown_zone'
        ELSE 'measured'
    END AS flag
FROM ended;
