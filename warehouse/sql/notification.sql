-- notification, heartbeat: who was told of what, and who is at work. Run by warehouse/notifications.py.

-- name: beat
-- A process says that it is at work.
INSERT INTO heartbeat (process, beat_at)
VALUES (%(process)s, %(now)s)
ON CONFLICT (process) DO UPDATE
SET beat_at = greatest(heartbeat.beat_at, excluded.beat_at)
RETURNING beat_at;

-- name: last_beat
-- When a process last said so.
SELECT beat_at
FROM heartbeat
WHERE process = %(process)s;

-- name: first_seen
-- When sources without any load were first seen: now, if never before.
WITH noted AS (
    INSERT INTO notification (key, recipient, kind, source, severity, culprit, since, first_seen_at, claimed_until)
    SELECT
        %(kind)s || ':' || source,
        '',
        %(kind)s,
        source,
        '',
        '',
        %(now)s,
        %(now)s,
        %(now)s
    FROM unnest(%(sources)s::text []) AS given (source)
    ON CONFLICT (key, recipient) WHERE over_at IS NULL DO NOTHING
    RETURNING source, first_seen_at
)
SELECT
    source,
    first_seen_at
FROM noted
UNION ALL
SELECT
    source,
    first_seen_at
FROM notification
WHERE recipient = '' AND kind = %(kind)s AND source = any(%(sources)s);

-- name: resolve
-- What is no trouble any longer, of the kinds that were looked for. A trouble that somebody else found after the look
-- began is not known to it.
UPDATE notification
SET over_at = %(now)s
WHERE over_at IS NULL AND kind = any(%(kinds)s) AND key <> all(%(keys)s) AND first_seen_at < %(now)s
RETURNING notification_id;

-- name: claim
-- The right to tell one recipient of some troubles: who inserts has it, until it lapses. What was told is not claimed
-- again while it lasts; what could not be told, or whose process has died, is, when its time has come.
INSERT INTO notification (key, recipient, kind, source, severity, culprit, since, first_seen_at, claimed_until)
SELECT
    given.key,
    %(recipient)s,
    given.kind,
    given.source,
    given.severity,
    given.culprit,
    given.since,
    %(now)s,
    %(claimed_until)s
FROM jsonb_to_recordset(%(troubles)s::jsonb) AS given (
    key text, kind text, source text, severity text, culprit text, since timestamptz
)
WHERE NOT EXISTS (
    SELECT FROM notification AS known
    WHERE
        known.key = given.key
        AND known.recipient = %(recipient)s
        AND known.over_at IS NULL
        AND (known.sent_at IS NOT NULL OR known.claimed_until > %(now)s)
)
ORDER BY given.key
ON CONFLICT (key, recipient) WHERE over_at IS NULL DO UPDATE
SET claimed_until = excluded.claimed_until
WHERE notification.sent_at IS NULL AND notification.claimed_until <= %(now)s
RETURNING *;

-- name: claim_over
-- The right to tell one recipient that what it was told is over.
UPDATE notification
SET claimed_until = %(claimed_until)s
WHERE
    recipient = %(recipient)s
    AND over_at IS NOT NULL
    AND sent_at IS NOT NULL
    AND over_sent_at IS NULL
    AND claimed_until <= %(now)s
RETURNING *;

-- name: sent
-- A message has gone out.
UPDATE notification
SET
    sent_at = coalesce(sent_at, %(now)s),
    over_sent_at = CASE WHEN notification_id = any(%(over_ids)s) THEN %(now)s END,
    claimed_until = %(now)s,
    failure = NULL
WHERE notification_id = any(%(ids)s)
RETURNING notification_id;

-- name: not_sent
-- A message has not gone out: the next try comes later each time, after an hour at most.
UPDATE notification
SET
    n_failed = n_failed + 1,
    claimed_until = %(now)s + least(60, power(2, least(n_failed, 6))) * INTERVAL '1 minute',
    failure = %(failure)s
WHERE notification_id = any(%(ids)s)
RETURNING notification_id;

-- name: last_sent
-- When a recipient was told anything for the last time.
SELECT greatest(max(sent_at), max(over_sent_at)) AS sent_at
FROM notification
WHERE recipient = %(recipient)s;
