-- The newest ledger row of all: a mark to count from.
SELECT coalesce(max(load_id), 0)
FROM load;
