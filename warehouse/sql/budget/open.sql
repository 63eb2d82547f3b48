-- The bucket of a credential, full, if nobody has asked with it yet.
INSERT INTO budget (credential, next_at, n_taken)
VALUES (%(credential)s, clock_timestamp(), 0)
ON CONFLICT (credential) DO NOTHING;
