-- Whose rows some loads rejected: series, reason and count, worst first; what lies outside is no news.
SELECT
    series_key,
    reason,
    sum(n_rows)::bigint AS n_rows
FROM rejected
WHERE source = %(source)s AND last_load_id = ANY(%(load_ids)s::bigint []) AND reason <> ALL(%(exempt)s::text [])
GROUP BY series_key, reason
ORDER BY 3 DESC, series_key, reason
LIMIT %(most)s;
