-- The rows of summary_daily of some series inside a window, packed: 52 bytes each. Literal times and series.
SELECT
    string_agg(
        int4send(series_id) || timestamptz_send(bucket_at) || int8send(n_points::bigint)
        || float8send(minimum) || float8send(maximum) || float8send(total) || float8send(latest),
        ''::bytea
    )
FROM summary_daily
WHERE series_id = ANY({series_ids}::integer []) AND bucket_at >= {start} AND bucket_at < {end};
