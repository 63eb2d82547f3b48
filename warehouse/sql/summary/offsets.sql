-- The seconds by which a zone of the server's own database is ahead of UTC at some instants. Needs: it knows the zone.
SELECT extract(EPOCH FROM (instant AT TIME ZONE %(zone)s) - (instant AT TIME ZONE 'UTC'))::integer AS ahead
FROM unnest(%(instants)s::timestamptz []) WITH ORDINALITY AS asked (instant, place)
ORDER BY place;
