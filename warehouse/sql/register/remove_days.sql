-- Local days of registers whose intervals say something else now, or are gone.
DELETE FROM register_local_day AS held
USING unnest(%(ids)s::integer [], %(dates)s::date [], %(partitions)s::timestamptz [])
    AS gone (series_id, local_date, partition_at)
WHERE
    held.series_id = gone.series_id
    AND held.local_date = gone.local_date
    AND held.partition_at = gone.partition_at
    AND held.series_id = ANY({series_ids}::integer [])
    AND held.local_date >= {first}
    AND held.local_date <= {last};
