-- A span in which a stream may have missed something.
INSERT INTO live_gap (source, part, gap_start, gap_end, reason)
VALUES (%(source)s, %(part)s, %(start)s, %(end)s, %(reason)s)
RETURNING gap_id;
