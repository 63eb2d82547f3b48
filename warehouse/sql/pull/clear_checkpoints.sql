-- A pull that has ended stands nowhere.
DELETE FROM checkpoint
WHERE pull_id = %(pull_id)s;
