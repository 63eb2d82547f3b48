-- The points inside a window that a stream has put and no load has confirmed: per series its instants.
SELECT
    live_point.series_id,
    string_agg(timestamptz_send(live_point.measured_at), ''::bytea) AS instants
FROM live_point
INNER JOIN series USING (series_id)
WHERE
    series.source = %(source)s
    AND live_point.measured_at >= %(start)s
    AND live_point.measured_at < %(end)s
GROUP BY live_point.series_id;
