-- Loads share the catalogue of their source; whoever gives a series another quantity has it alone (`catalogue/lock`).
SELECT pg_advisory_xact_lock_shared(hashtextextended('joulehouse catalogue ' || %(source)s, 0));
