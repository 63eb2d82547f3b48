-- How many seconds are missing until the next place of a credential.
SELECT extract(EPOCH FROM next_at - clock_timestamp())
FROM budget
WHERE credential = %(credential)s;
