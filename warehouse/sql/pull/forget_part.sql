-- The listing began anew: what its earlier pages said no longer counts. Their bytes stay in the landing zone.
DELETE FROM payload
WHERE pull_id = %(pull_id)s AND part = %(part)s;
