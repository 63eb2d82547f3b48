-- A load has said what is true of these series up to these instants: nothing of it is a stream's word any longer.
DELETE FROM live_point
USING unnest(%(series_ids)s::integer [], %(untils)s::timestamptz []) AS proven (series_id, until)
WHERE
    live_point.series_id = proven.series_id
    AND live_point.measured_at >= %(start)s
    AND live_point.measured_at < %(end)s
    AND live_point.measured_at <= proven.until;
