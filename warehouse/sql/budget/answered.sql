-- The request of a place was on its way until now at the latest, so the next one leaves a whole limit after now; but a
-- provider that takes its time is no reason to wait for ever, and a later place has its own answer.
UPDATE budget
SET next_at = least(greatest(next_at, clock_timestamp() + %(limit)s), next_at + %(allowance)s)
WHERE credential = %(credential)s AND n_taken = %(place)s;
