-- The local days of some registers: one row per register, its columns as strings of as many values. Literal dates and
-- series, so that only the chunks of these days are opened.
SELECT
    series_id,
    string_agg(date_send(local_date), ''::bytea) AS dates,
    string_agg(timestamptz_send(partition_at), ''::bytea) AS partitions,
    string_agg(timestamptz_send(bucket_at), ''::bytea) AS buckets,
    string_agg(float8send(amount), ''::bytea) AS amounts,
    string_agg(int4send(n_intervals), ''::bytea) AS n_intervals,
    string_agg(int4send(n_flagged), ''::bytea) AS n_flagged
FROM register_local_day
WHERE series_id = ANY({series_ids}::integer []) AND local_date >= {first} AND local_date <= {last}
GROUP BY series_id;
