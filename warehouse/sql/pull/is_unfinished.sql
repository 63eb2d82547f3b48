-- Asked again under the lock: whoever held the pull may have finished it meanwhile.
SELECT finished_at IS NULL
FROM pull
WHERE pull_id = %(pull_id)s;
