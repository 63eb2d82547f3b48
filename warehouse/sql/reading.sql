-- What a person reads as a data frame. Run by warehouse/reading.py.

-- name: series
-- The catalogue of a source.
SELECT
    series_id,
    key,
    quantity,
    unit,
    kind,
    device,
    site,
    provider_unit,
    resolution,
    time_zone,
    labels,
    first_seen_at,
    updated_at
FROM series
WHERE source = %(source)s
ORDER BY key COLLATE "C";

-- name: states
-- The states of a source inside a window.
SELECT
    series.key,
    state.measured_at,
    state.value
FROM state
INNER JOIN series USING (series_id)
WHERE series.source = %(source)s AND state.measured_at >= %(start)s AND state.measured_at < %(end)s
ORDER BY series.key COLLATE "C", state.measured_at;

-- name: revisions
-- What the values of a source inside a window were before, in the order in which they were revised.
SELECT
    series.key AS series,
    revision.measured_at,
    revision.value,
    revision.text_value,
    revision.change,
    revision.load_id,
    revision.revised_at
FROM measurement_revision AS revision
INNER JOIN series USING (series_id)
WHERE series.source = %(source)s AND revision.measured_at >= %(start)s AND revision.measured_at < %(end)s
ORDER BY revision.revision_id;

-- name: rejected
-- Rows of a source that were rejected while loading some part of a window.
SELECT
    window_start,
    window_end,
    series_key,
    reason,
    payload_sha256,
    raw,
    n_rows,
    first_seen_at,
    last_seen_at,
    first_load_id,
    last_load_id
FROM rejected
WHERE source = %(source)s AND window_start < %(end)s AND window_end > %(start)s
ORDER BY rejected_id;

-- name: rejected_series
-- What was rejected of a source while loading some part of a window: one row of each series and reason, worst first.
-- An example is a row that was kept as it was sent, wherever there is one.
SELECT
    series_key,
    reason,
    sum(n_rows)::bigint AS n_rows,
    min(first_seen_at) AS first_seen_at,
    max(last_seen_at) AS last_seen_at,
    min(window_start) AS first_window_start,
    max(window_end) AS last_window_end,
    (array_agg(raw ORDER BY raw LIKE 'further rows of %%: counted, not kept', rejected_id DESC))[1] AS example
FROM rejected
WHERE source = %(source)s AND window_start < %(end)s AND window_end > %(start)s
GROUP BY series_key, reason
ORDER BY 3 DESC, series_key, reason;

-- name: changes
-- What later loads changed of a source's series on some UTC days.
SELECT
    day AS first_day,
    day AS last_day,
    key,
    device,
    site,
    quantity,
    unit,
    kind,
    1 AS n_series,
    n_changed,
    n_removed,
    before,
    after,
    revised_at
FROM measurement_changes(%(start)s, %(end)s)
WHERE source = %(source)s
ORDER BY day, key COLLATE "C";
