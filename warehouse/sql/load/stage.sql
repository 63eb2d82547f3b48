-- Where the changed or the vanished points of a repeated load lie for a moment: often none, seldom many. Seen by this
-- session only, gone with the transaction.
CREATE TEMPORARY TABLE {staged} (
    series_id integer NOT NULL,
    measured_at timestamptz NOT NULL,
    value {value_type} NOT NULL
) ON COMMIT DROP;
