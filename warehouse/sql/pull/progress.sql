-- How far each part of a pull has come.
SELECT
    part,
    page,
    cursor
FROM checkpoint
WHERE pull_id = %(pull_id)s;
