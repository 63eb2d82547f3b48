-- One writer at a time of what was rejected of one window, until the transaction ends: loads of it exclude each other, but
-- failures of it are recorded without a lock.
SELECT pg_advisory_xact_lock(
    hashtextextended(
        format(
            'joulehouse rejected %%s %%s %%s', %(source)s::text, %(start)s::timestamptz, %(end)s::timestamptz
        ),
        0
    )
);
