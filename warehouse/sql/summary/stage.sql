-- Where summaries lie for a moment before they are written. Seen by this session only, gone with the transaction.
CREATE TEMPORARY TABLE IF NOT EXISTS {staged} (LIKE {summary}) ON COMMIT DROP;
TRUNCATE {staged};
