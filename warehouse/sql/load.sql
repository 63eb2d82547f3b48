-- measurement, state, measurement_revision, load, rejected: one load. Run by warehouse/load.py and partition.py.

-- name: limits
-- Limits of one load. Needs: an open transaction.
-- 100,000 tuples is TimescaleDB's own limit for decompression in one statement: one busy day holds more.
SELECT set_config('timescaledb.max_tuples_decompressed_per_dml_transaction', '0', true);

-- name: share_catalogue
-- Loads share the catalogue of their source; whoever gives a series another quantity has it alone (`catalogue/lock`).
SELECT pg_advisory_xact_lock_shared(hashtextextended('joulehouse catalogue ' || %(source)s, 0));

-- name: lock_day
-- One loader at a time for one day of one source, until the transaction ends. Safe on a live database: yes.
-- Days and not windows: a load of a week and a load of one of its days exclude each other.
SELECT pg_advisory_xact_lock(hashtextextended('joulehouse load ' || %(source)s || ' ' || %(day)s::date, 0));

-- name: try_lock_day
-- The same, where it is to be had at once.
SELECT pg_try_advisory_xact_lock(hashtextextended('joulehouse load ' || %(source)s || ' ' || %(day)s::date, 0));

-- name: is_empty
-- Whether no table of points holds anything of these series inside the window. Literals, as in `stored_numbers`.
SELECT
    NOT EXISTS (
        SELECT FROM measurement
        WHERE series_id = ANY({series_ids}::integer []) AND measured_at >= {start} AND measured_at < {end}
    )
    AND NOT EXISTS (
        SELECT FROM state
        WHERE series_id = ANY({series_ids}::integer []) AND measured_at >= {start} AND measured_at < {end}
    );

-- name: next_load_id
-- The number of this load, needed by its revisions before its ledger row is written.
SELECT nextval(pg_get_serial_sequence('public.load', 'load_id'));

-- name: fence
-- Whose pull is it, what does it cover, is it complete, and was a newer pull loaded into any part of the window?
-- Newer is what was finished later. Needs: the locks of the window's days, else the answer ages before it is used.
SELECT
    pull.source = %(source)s
    AND pull.window_start <= %(start)s
    AND pull.window_end >= %(end)s
    AND pull.finished_at IS NOT NULL AS is_ours,
    (
        SELECT loaded.pull_id
        FROM load
        INNER JOIN pull AS loaded USING (pull_id)
        WHERE
            load.status = 'committed'
            AND load.source = %(source)s
            AND load.window_start < %(end)s
            AND load.window_end > %(start)s
            AND loaded.finish_number > pull.finish_number
        ORDER BY loaded.finish_number DESC
        LIMIT 1
    ) AS newer_loaded
FROM pull
WHERE pull.pull_id = %(pull_id)s;

-- name: stored_numbers
-- What the table of numbers holds of these series inside the window: one row per series, its times and its values as
-- two strings of 8 bytes a point. 2 million points come out in 0.7 s this way; by COPY, a message a row, in 3 s.
-- Literal times and series: other chunks are never opened, other sources never read.
SELECT
    series_id,
    string_agg(timestamptz_send(measured_at), ''::bytea) AS times,
    string_agg(float8send(value), ''::bytea) AS numbers
FROM measurement
WHERE series_id = ANY({series_ids}::integer []) AND measured_at >= {start} AND measured_at < {end}
GROUP BY series_id;

-- name: stored_states
-- The same for the table of states, whose values have no fixed length: they come as an array of texts.
SELECT
    series_id,
    string_agg(timestamptz_send(measured_at), ''::bytea) AS times,
    array_agg(value) AS texts
FROM state
WHERE series_id = ANY({series_ids}::integer []) AND measured_at >= {start} AND measured_at < {end}
GROUP BY series_id;

-- name: stage
-- Where the changed or the vanished points of a repeated load lie for a moment: often none, seldom many. Seen by this
-- session only, gone with the transaction.
CREATE TEMPORARY TABLE {staged} (
    series_id integer NOT NULL,
    measured_at timestamptz NOT NULL,
    value {value_type} NOT NULL
) ON COMMIT DROP;

-- name: remove_vanished
-- Points that the payloads no longer say: removed, and kept with the load that removes them. Literal times and series,
-- so that only the chunks and segments of these points are touched.
WITH gone AS (
    DELETE FROM {points} AS held
    USING {staged} AS vanished
    WHERE
        held.series_id = vanished.series_id
        AND held.measured_at = vanished.measured_at
        AND held.series_id = ANY({series_ids}::integer [])
        AND held.measured_at >= {start}
        AND held.measured_at < {end}
    RETURNING held.series_id, held.measured_at, held.value
)
INSERT INTO measurement_revision (series_id, measured_at, {kept_as}, change, load_id)
SELECT
    series_id,
    measured_at,
    value,
    'removed',
    %(load_id)s
FROM gone;

-- name: remove_repeated
-- Points of a stream that the payloads say at a finer time: removed, and nothing of them is kept, because nothing is lost.
-- Literal times and series, so that only the chunks and segments of these points are touched.
DELETE FROM {points} AS held
USING {staged} AS repeated
WHERE
    held.series_id = repeated.series_id
    AND held.measured_at = repeated.measured_at
    AND held.series_id = ANY({series_ids}::integer [])
    AND held.measured_at >= {start}
    AND held.measured_at < {end};

-- name: revise_changed
-- What was there before a change, kept with the load that changes it. The old value is read from the table itself.
INSERT INTO measurement_revision (series_id, measured_at, {kept_as}, change, load_id)
SELECT
    held.series_id,
    held.measured_at,
    held.value,
    'changed',
    %(load_id)s
FROM {points} AS held
INNER JOIN {staged} AS staged USING (series_id, measured_at)
WHERE
    held.series_id = ANY({series_ids}::integer [])
    AND held.measured_at >= {start}
    AND held.measured_at < {end};

-- name: write_changed
-- Points that now say something else: the payloads win. ON CONFLICT and not UPDATE … FROM, because in a compressed
-- chunk it decompresses the few segments that hold these keys instead of all of them.
INSERT INTO {points} (series_id, measured_at, value)
SELECT
    series_id,
    measured_at,
    value
FROM {staged}
ON CONFLICT (series_id, measured_at) DO UPDATE SET value = excluded.value;

-- name: lock_rejected
-- One writer at a time of what was rejected of one window, until the transaction ends: loads of it exclude each other, but
-- failures of it are recorded without a lock.
SELECT pg_advisory_xact_lock(
    hashtextextended(
        format(
            'joulehouse rejected %%s %%s %%s', %(source)s::text, %(start)s::timestamptz, %(end)s::timestamptz
        ),
        0
    )
);

-- name: name_rejected
-- Rows that were rejected before anybody said their series get the name of the first series that has them now; the
-- others are added by `quarantine`. Not where this load rejects the row without a series, too: then it is another one.
WITH found AS (
    SELECT
        reason,
        payload_sha256,
        raw_sha256,
        min(series_key COLLATE "C") AS series_key
    FROM unnest(
        %(reasons)s::text [], %(payloads)s::text [], %(raw_sha256s)s::text [], %(series)s::text []
    ) AS said (reason, payload_sha256, raw_sha256, series_key)
    GROUP BY reason, payload_sha256, raw_sha256
)

UPDATE rejected AS known
SET series_key = found.series_key
FROM found
WHERE
    known.source = %(source)s
    AND known.window_start = %(start)s
    AND known.window_end = %(end)s
    AND known.series_key = ''
    AND found.series_key <> ''
    AND known.reason = found.reason
    AND known.payload_sha256 = found.payload_sha256
    AND known.raw_sha256 = found.raw_sha256
    AND NOT EXISTS (
        SELECT FROM rejected AS other
        WHERE
            other.source = known.source
            AND other.window_start = known.window_start
            AND other.window_end = known.window_end
            AND other.reason = known.reason
            AND other.payload_sha256 = known.payload_sha256
            AND other.raw_sha256 = known.raw_sha256
            AND other.series_key = found.series_key
    );

-- name: quarantine
-- Rejected rows, one per text, reason, payload and series. Seen again by a later load: counted anew, first seen stays.
-- Needs: `lock_rejected`, or two that meet could lock the rows in different orders.
INSERT INTO rejected AS known (
    source, window_start, window_end, reason, payload_sha256, raw_sha256, raw, series_key, n_rows, first_load_id,
    last_load_id
)
SELECT
    %(source)s,
    %(start)s,
    %(end)s,
    reason,
    payload_sha256,
    raw_sha256,
    raw,
    series_key,
    n_rows,
    %(load_id)s,
    %(load_id)s
FROM unnest(
    %(reasons)s::text [],
    %(payloads)s::text [],
    %(raw_sha256s)s::text [],
    %(raws)s::text [],
    %(series)s::text [],
    %(counts)s::bigint []
) AS found (reason, payload_sha256, raw_sha256, raw, series_key, n_rows)
ON CONFLICT (source, window_start, window_end, reason, payload_sha256, raw_sha256, series_key) DO UPDATE SET
    n_rows = excluded.n_rows,
    last_seen_at = clock_timestamp(),
    last_load_id = excluded.last_load_id;

-- name: enter_ledger
-- One row of the ledger: the last statement of a load, or the first after one that failed.
INSERT INTO load ({columns}) VALUES ({values}) RETURNING loaded_at;
