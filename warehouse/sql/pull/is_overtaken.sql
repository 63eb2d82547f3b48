-- Whether some days of a pull of several days were asked for in another pull that was finished since this one began: what
-- this one says of them is older, and finished later it would be taken for newer. One that covers all of this one is as
-- old or newer throughout.
SELECT EXISTS (
    SELECT
    FROM pull
    INNER JOIN pull AS complete USING (source)
    WHERE
        pull.pull_id = %(pull_id)s
        AND pull.window_end - pull.window_start > INTERVAL '1 day'
        AND complete.finished_at > pull.started_at
        AND complete.window_start < pull.window_end
        AND complete.window_end > pull.window_start
        AND NOT (complete.window_start <= pull.window_start AND complete.window_end >= pull.window_end)
);
