-- The parts of local days of some series that the partitions inside a window wrote, packed. A local date is at most two
-- days away from its partition: literal bounds for the chunks.
SELECT
    string_agg(
        int4send(series_id) || timestamptz_send(partition_at) || date_send(local_date) || timestamptz_send(bucket_at)
        || int8send(n_points::bigint)
        || float8send(minimum) || float8send(maximum) || float8send(total) || float8send(latest),
        ''::bytea
    )
FROM summary_local_day
WHERE
    series_id = ANY({series_ids}::integer [])
    AND partition_at >= {start}
    AND partition_at < {end}
    AND local_date >= {first}::date
    AND local_date <= {last}::date;
