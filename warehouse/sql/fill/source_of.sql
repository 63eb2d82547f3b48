-- Whose a register is.
SELECT source
FROM series
WHERE series_id = %(series_id)s AND kind = 'register';
