-- The part now stands behind this page.
INSERT INTO checkpoint (pull_id, part, page, cursor)
VALUES (%(pull_id)s, %(part)s, %(page)s, %(cursor)s)
ON CONFLICT (pull_id, part) DO UPDATE SET
    page = excluded.page,
    cursor = excluded.cursor,
    moved_at = clock_timestamp();
