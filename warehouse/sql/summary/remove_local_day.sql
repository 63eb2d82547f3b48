-- Parts of local days that have become empty. Literal dates, so that other chunks are never opened.
DELETE FROM summary_local_day
USING unnest(%(series_ids)s::integer [], %(instants)s::timestamptz [], %(dates)s::date [])
    AS gone (series_id, partition_at, local_date)
WHERE
    summary_local_day.series_id = gone.series_id
    AND summary_local_day.partition_at = gone.partition_at
    AND summary_local_day.local_date = gone.local_date
    AND summary_local_day.local_date >= {first}::date
    AND summary_local_day.local_date <= {last}::date;
