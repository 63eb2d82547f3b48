-- How far every part of a source's stream is certain.
SELECT
    part,
    covered_until
FROM live_cover
WHERE source = %(source)s;
