-- What step 0004 runs. Frozen: a change of the schema is a new step.

-- name: energy
-- Energy and volume by interval: registers made into intervals, and validated intervals with a flag.
-- Needs: nothing beyond the tables; works on both editions. Safe on a live database: yes.
--
-- register_energy: between two readings of a counter lies an interval, and what was counted in it. A reading is taken as
-- the highest so far of its counter, so that one that jitters backwards takes nothing away and adds nothing. Why a
-- reading does not follow from the one before is told apart by what is usual for this counter (the highest rate in the
-- fortnights around it; a frame that moves with each reading takes minutes for a year):
--   measured     it follows
--   gap          it follows after more than twice the usual time: one long interval, and no energy is lost
--   jitter       it is lower by less than one usual interval
--   rollover     a power of ten (in the provider's unit) was passed by what a house can use: that is counted
--   reset        it is lower, and no more than what may have been counted since zero: that is counted
--   replacement  it is lower, or far higher, than can be counted: another counter goes on, and nothing is invented
CREATE VIEW register_energy AS
WITH reading AS (
    SELECT
        series_id,
        measured_at,
        value,
        unit,
        CASE provider_unit WHEN 'kWh' THEN 1e3 WHEN 'MWh' THEN 1e6 ELSE 1 END AS scale,
        -- No meter of a house counts faster: 100 kW, or 100 m³ an hour.
        CASE unit WHEN 'Wh' THEN 1e5 / 3600 ELSE 100.0 / 3600 END AS fastest,
        lag(measured_at) OVER (PARTITION BY series_id ORDER BY measured_at) AS begun_at,
        lag(value) OVER (PARTITION BY series_id ORDER BY measured_at) AS before
    FROM measurement
    INNER JOIN series USING (series_id)
    WHERE kind = 'register'
),
paced AS (
    SELECT
        *,
        extract(EPOCH FROM measured_at - begun_at) AS seconds,
        -- Two calendars of fourteen days, a week apart: any reading lies well inside a fortnight of one of them.
        date_bin('14 days', measured_at, '2000-01-03 00:00+00') AS fortnight,
        date_bin('14 days', measured_at, '2000-01-10 00:00+00') AS other_fortnight,
        CASE
            WHEN value >= before AND value - before <= fastest * extract(EPOCH FROM measured_at - begun_at)
                THEN (value - before) / extract(EPOCH FROM measured_at - begun_at)
        END AS rate
    FROM reading
),
compared AS (
    SELECT
        *,
        greatest(
            max(rate) OVER (PARTITION BY series_id, fortnight),
            max(rate) OVER (PARTITION BY series_id, other_fortnight)
        ) AS usual,
        least(
            min(seconds) OVER (PARTITION BY series_id, fortnight),
            min(seconds) OVER (PARTITION BY series_id, other_fortnight)
        ) AS spacing
    FROM paced
),
bounded AS (
    SELECT
        *,
        coalesce(3 * usual, fastest) * seconds + scale / 1000 AS possible,
        CASE WHEN before > 0 THEN scale * 10 ^ ceil(log((before / scale)::numeric + 1e-9::numeric)) END AS capacity
    FROM compared
),
judged AS (
    SELECT
        *,
        CASE
            WHEN begun_at IS NULL THEN 'first'
            WHEN value >= before AND value - before > greatest(100 * usual, fastest) * seconds THEN 'replacement'
            WHEN value >= before THEN 'measured'
            WHEN before - value <= possible AND value > possible THEN 'jitter'
            WHEN capacity >= 1000 * scale AND capacity - before + value <= fastest * seconds THEN 'rollover'
            WHEN value <= possible THEN 'reset'
            ELSE 'replacement'
        END AS verdict
    FROM bounded
),
counted AS (
    SELECT
        *,
        count(*) FILTER (WHERE verdict IN ('first', 'replacement', 'rollover', 'reset')) OVER (
            PARTITION BY series_id
            ORDER BY measured_at
        ) AS counter
    FROM judged
),
raised AS (
    SELECT
        *,
        max(value) OVER (PARTITION BY series_id, counter ORDER BY measured_at) AS highest
    FROM counted
),
stepped AS (
    SELECT
        *,
        lag(highest) OVER (PARTITION BY series_id, counter ORDER BY measured_at) AS highest_before
    FROM raised
)
SELECT
    series_id,
    begun_at AS measured_at,
    measured_at AS ended_at,
    CASE verdict
        WHEN 'rollover' THEN capacity - before + value
        WHEN 'reset' THEN value
        WHEN 'replacement' THEN 0
        ELSE highest - highest_before
    END AS amount,
    unit,
    CASE
        WHEN verdict = 'measured' AND seconds > 2 * spacing THEN 'gap'
        WHEN verdict = 'measured' AND value < highest THEN 'jitter'
        ELSE verdict
    END AS flag
FROM stepped
WHERE verdict <> 'first';
COMMENT ON VIEW register_energy IS 'What registers have counted between two readings, and why one does not follow.';

-- interval_energy: intervals as the provider has validated them. A night may be negative: an inverter draws.
CREATE VIEW interval_energy AS
SELECT
    series_id,
    measured_at,
    measured_at + resolution AS ended_at,
    value AS amount,
    unit,
    CASE WHEN value < 0 THEN 'negative' ELSE 'measured' END AS flag
FROM measurement
INNER JOIN series USING (series_id)
WHERE kind = 'interval';
COMMENT ON VIEW interval_energy IS 'Validated intervals, the negative ones flagged.';
DO $$
BEGIN
    IF (SELECT count(*) FROM pg_roles WHERE rolname IN ('joulehouse_loader', 'joulehouse_reader')) < 2 THEN
        RETURN;
    END IF;
    GRANT SELECT ON register_energy, interval_energy TO joulehouse_loader, joulehouse_reader;
END
$$;
