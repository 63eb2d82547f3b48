-- Where the points of a repeated load wait to be compared. Seen by this session only, gone with the transaction.
CREATE TEMPORARY TABLE {staged} (
    series_id integer NOT NULL,
    measured_at timestamptz NOT NULL,
    value {value_type} NOT NULL
) ON COMMIT DROP;
