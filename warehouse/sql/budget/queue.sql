-- Wait for the bucket, and say how many seconds are missing until its next place. The lock is kept until the place is
-- taken or given up: whoever is killed while waiting has taken nothing.
SELECT extract(EPOCH FROM next_at - clock_timestamp())
FROM budget
WHERE credential = %(credential)s
FOR UPDATE;
