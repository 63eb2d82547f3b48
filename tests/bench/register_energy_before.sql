-- The view that answered before intervals were written by the loads (01b4f13): what reading them is compared with.
CREATE VIEW register_energy_before AS
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
