-- Asked again under the lock: whoever held the pull may have finished or abandoned it meanwhile.
SELECT finished_at IS NULL AND abandoned_at IS NULL
FROM pull
WHERE pull_id = %(pull_id)s;
