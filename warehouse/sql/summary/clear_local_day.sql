-- The same for the parts of local days.
DELETE FROM summary_local_day
WHERE
    series_id = ANY({series_ids}::integer [])
    AND partition_at >= {start}
    AND partition_at < {end}
    AND local_date >= {first}::date
    AND local_date <= {last}::date;
