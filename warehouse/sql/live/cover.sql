-- How far a part of a stream is certain: never back, however many processes listen, and never ahead of the time it is.
INSERT INTO live_cover AS known (source, part, covered_until)
SELECT
    %(source)s,
    said.part,
    least(said.until, clock_timestamp())
FROM unnest(%(parts)s::text [], %(untils)s::timestamptz []) AS said (part, until)
ORDER BY said.part
ON CONFLICT (source, part) DO UPDATE SET
    covered_until = least(greatest(known.covered_until, excluded.covered_until), clock_timestamp()),
    covered_at = clock_timestamp();
